// Prints number, state, age and the strongest muscle group of each frame, and what the picture does not show.
//
//   npm install && node subscriber.mjs [ADDRESS] [MAX_AGE_MS]       beside a running `biohuman track`

import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";

const [address = "tcp://127.0.0.1:5755", maxAge = "200"] = process.argv.slice(2);
const maxAgeMs = Number(maxAge);
const WIRE_VERSION = 1;

class UsageError extends Error {}
class WireError extends Error {}

// Reads 64-bit integers as JavaScript's numbers: session and clock_offset_us are below 2^53, so exact; t_*_ns are exact for
// the first 104 days that a machine is up, and later wrong by less than a microsecond.
function read(parts) {
  let message;
  try {
    message = parts.length === 2 ? decode(parts[1]) : null;
  } catch {
    message = null;
  }
  if (typeof message?.type !== "string" || typeof message.session !== "number") {
    throw new WireError(`${address} does not send what docs/wire.md describes; is it biohuman?`);
  }
  if (message.type === "meta" && message.wire_version !== WIRE_VERSION) {
    throw new WireError(`${address} speaks wire version ${message.wire_version}, we speak ${WIRE_VERSION}`);
  }
  return message;
}

// A bin field is a view somewhere inside the whole message: copied out, for a Float32Array must start at a multiple of 4.
// Not u.slice(): in Node that does not copy.
function float32(u) {
  return new Float32Array(u.buffer.slice(u.byteOffset, u.byteOffset + u.byteLength));
}

// Wall time, as Node's own monotonic clock is not Python's on every system. Two machines: as good as their clocks agree.
function ageMs(message, meta) {
  return Date.now() - (message.t_capture_ns / 1000 + meta.clock_offset_us) / 1000;
}

function describe(pose, activation, meta, age) {
  const line = `${String(pose.seq).padStart(6)} ${pose.state.padEnd(8)} ${age.toFixed(0).padStart(5)} ms`;
  if (pose.state === "lost") return line; // all numbers are NaN
  const groups = float32(activation.group_mean);
  const strongest = groups.indexOf(Math.max(...groups));
  const pelvisHeight_m = float32(pose.joints_m)[1]; // joint 0, y
  const doubts = pose.doubts?.length ? `  in doubt: ${pose.doubts.join(", ")}` : "";
  const group = `${meta.groups[strongest]} ${groups[strongest].toFixed(2)}`;
  return `${line}  pelvis ${pelvisHeight_m.toFixed(2).padStart(5)} m  ${group}${doubts}`;
}

function connect() {
  if (!(maxAgeMs > 0)) throw new UsageError(`MAX_AGE_MS is a number of milliseconds such as 200, got '${maxAge}'`);
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 8, heartbeatInterval: 2000, heartbeatTimeout: 6000 });
  try {
    socket.connect(address);
  } catch (error) {
    throw new UsageError(`cannot connect to '${address}' (${error.message}); an address looks like tcp://127.0.0.1:5755`);
  }
  socket.subscribe("meta", "status", "pose/0", "activation/0");
  return socket;
}

async function run(socket) {
  let meta, pose, tooOld = 0, silence;
  const say = () => {
    const old = tooOld ? ` (${tooOld} were too old)` : "";
    console.error(`no fresh frame from ${address} for 2 s${old}; is \`biohuman track\` running?`);
  };
  const startSilence = () => {
    clearTimeout(silence);
    silence = setTimeout(say, 2000);
  };
  startSilence();
  try {
    for await (const parts of socket) {
      const message = read(parts);
      if (message.type === "meta") meta = message;
      else if (meta?.session !== message.session) continue; // of a publisher just restarted: its meta is on the way
      else if (message.type === "status" && message.phase === "ended") return "ended";
      else if (message.type === "pose") pose = message;
      else if (message.type === "activation" && pose?.seq === message.seq && pose.session === message.session) {
        const age = ageMs(message, meta);
        if (age > maxAgeMs) {
          tooOld += 1; // we were held up: what is drawn should be fresh
          continue;
        }
        console.log(describe(pose, message, meta, age));
        startSilence();
      }
    }
    return "interrupted"; // the socket was closed
  } finally {
    clearTimeout(silence);
  }
}

let socket;
try {
  socket = connect();
  process.once("SIGINT", () => socket.close());
  const end = await run(socket);
  if (end === "ended") console.log("the run has ended");
  process.exitCode = end === "ended" ? 0 : 130;
} catch (error) {
  if (!(error instanceof UsageError || error instanceof WireError)) throw error; // a bug keeps its trace
  console.error(`subscriber: ${error.message}`);
  process.exitCode = 2;
} finally {
  socket?.close();
}
