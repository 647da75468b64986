// The newest frame of a running `biohuman track`, for loops that must not wait: Take() gives it, or null at once.
// Plain .NET Standard 2.1 and C# 9: the same file works in Unity. The messages are those of docs/wire.md.

#nullable enable

using System;
using System.Collections.Generic;
using NetMQ;
using NetMQ.Sockets;

namespace BioHuman
{
    /// <summary>Body and muscles of one picture. Vectors lie one after another: joint j is at 3 * j.</summary>
    public sealed class Frame
    {
        public long Seq;
        public string State = ""; // lost (all numbers are NaN), warming or tracking
        public double AgeMs; // since the picture was grabbed
        public float[] GlobalOrient = {}; // 3, rad: axis-angle of the pelvis in the world
        public float[] BodyPose = {}; // 23 x 3, rad: axis-angle of joints 1 to 23 in their parents
        public float[] Transl = {}; // 3, m: the pelvis in the world
        public float[] JointsM = {}; // 24 x 3, m: in the world
        public byte[] JointValid = {}; // 24: 1 if the picture shows the joint, 0 if it is guessed
        public string[] Doubts = {}; // such as left_arm: not in the picture
        public float[] Activation = {}; // 354, 0 to 1: order of Meta.Muscles
        public float[] GroupMean = {}; // 76, 0 to 1: order of Meta.Groups
    }

    /// <summary>What the numbers mean; sent on connecting and every second.</summary>
    public sealed class Meta
    {
        public long Session;
        public long ClockOffsetUs; // add to t_*_ns / 1000 to get microseconds since 1970
        public string[] Joints = {};
        public int[] Parents = {}; // -1 for the pelvis
        public string[] Muscles = {};
        public string[] Groups = {};
    }

    /// <summary>What is sent there is not ours, or not of this version.</summary>
    public sealed class WireException : Exception
    {
        public WireException(string message) : base(message) { }
    }

    /// <summary>Connects at once and for good: the publisher may start later, or again. Use it on one thread only.</summary>
    public sealed class NewestFrame : IDisposable
    {
        public const string DefaultAddress = "tcp://127.0.0.1:5755";
        private const long WireVersion = 1;
        private const int MostPerTake = 1000; // messages: a file can be published faster than it is read

        private readonly SubscriberSocket socket = new SubscriberSocket();
        private readonly string address;
        private readonly double maxAgeMs;
        private Dictionary<string, object?>? pose; // whose activation is still to come

        /// <summary>Frames older than maxAgeMs are dropped: after a pause some hundred of them wait in buffers.</summary>
        public NewestFrame(string address = DefaultAddress, double maxAgeMs = 200)
        {
            this.address = address;
            this.maxAgeMs = maxAgeMs;
            socket.Options.Linger = TimeSpan.Zero;
            socket.Options.ReceiveHighWatermark = 8;
            socket.Options.TcpKeepalive = true;
            try
            {
                socket.Connect(address);
            }
            catch (Exception error) when (error is NetMQException || error is ArgumentException || error is FormatException)
            {
                socket.Dispose();
                throw new WireException($"cannot connect to '{address}' ({error.Message}); an address looks like {DefaultAddress}");
            }
            foreach (var topic in new[] { "meta", "status", "pose/0", "activation/0" })
                socket.Subscribe(topic);
        }

        public Meta? Meta { get; private set; }
        public bool HasEnded { get; private set; }
        public int DroppedOld { get; private set; } // calls of Take whose newest frame was too old

        public void Dispose() => socket.Dispose();

        /// <summary>The newest frame since the last call that is not too old; null if there is none. Never waits.</summary>
        public Frame? Take()
        {
            Frame? newest = null;
            var parts = new List<byte[]>();
            for (var i = 0; i < MostPerTake && socket.TryReceiveMultipartBytes(ref parts, 2); i++)
                newest = Read(parts) ?? newest;
            if (newest == null || newest.AgeMs <= maxAgeMs)
                return newest;
            DroppedOld++;
            return null;
        }

        private Frame? Read(List<byte[]> parts)
        {
            try
            {
                if (parts.Count != 2)
                    throw new FormatException();
                return Handle(Wire.ReadMap(parts[1]));
            }
            catch (Exception error) when (!(error is WireException)) // whatever a foreign message makes of the decoder
            {
                throw new WireException($"{address} does not send what docs/wire.md describes; is it biohuman?");
            }
        }

        /// <summary>A frame when both its pose and its activation are there.</summary>
        private Frame? Handle(Dictionary<string, object?> message)
        {
            var session = (long)message["session"]!;
            var kind = (string)message["type"]!;
            if (kind == "meta")
                HandleMeta(message, session);
            else if (Meta == null || Meta.Session != session)
                return null; // of a publisher that has just been restarted: its meta is on the way
            else if (kind == "status")
                HasEnded = (string)message["phase"]! == "ended";
            else if (kind == "pose")
                pose = message;
            else if (kind == "activation" && pose != null && (long)pose["seq"]! == (long)message["seq"]!)
                return ToFrame(pose, message, Meta);
            return null;
        }

        private void HandleMeta(Dictionary<string, object?> message, long session)
        {
            if ((long)message["wire_version"]! != WireVersion)
                throw new WireException($"{address} speaks wire version {message["wire_version"]}, we speak {WireVersion}");
            if (Meta == null || Meta.Session != session)
            {
                pose = null;
                HasEnded = false;
            }
            Meta = new Meta
            {
                Session = session,
                ClockOffsetUs = (long)message["clock_offset_us"]!,
                Joints = Wire.Strings(message["joints"]),
                Parents = Array.ConvertAll((object?[])message["parents"]!, parent => (int)(long)parent!),
                Muscles = Wire.Strings(message["muscles"]),
                Groups = Wire.Strings(message["groups"]),
            };
        }

        private static Frame ToFrame(Dictionary<string, object?> pose, Dictionary<string, object?> activation, Meta meta)
        {
            // Wall time: the monotonic clock of .NET is not Python's on every system.
            var nowUs = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / 10;
            return new Frame
            {
                Seq = (long)pose["seq"]!,
                State = (string)pose["state"]!,
                AgeMs = (nowUs - (long)pose["t_capture_ns"]! / 1000 - meta.ClockOffsetUs) / 1000.0,
                GlobalOrient = Wire.Floats(pose["global_orient"]),
                BodyPose = Wire.Floats(pose["body_pose"]),
                Transl = Wire.Floats(pose["transl"]),
                JointsM = Wire.Floats(pose["joints_m"]),
                JointValid = (byte[])pose["joint_valid"]!,
                Doubts = Wire.Strings(pose["doubts"]),
                Activation = Wire.Floats(activation["activation"]),
                GroupMean = Wire.Floats(activation["group_mean"]),
            };
        }
    }
}
