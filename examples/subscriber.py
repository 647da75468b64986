# Prints the strongest muscle of each frame. Needs pyzmq and msgpack only; run `biohuman track VIDEO` beside it.
import msgpack
import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect("tcp://127.0.0.1:5755")
socket.subscribe("")
muscles = msgpack.unpackb(socket.recv_multipart()[1])["muscles"]  # the first message is always meta
while True:
    frame = msgpack.unpackb(socket.recv_multipart()[1])
    if frame["type"] == "activation":
        print(frame["seq"], frame["state"], max(zip(memoryview(frame["activation"]).cast("f"), muscles, strict=True)))
