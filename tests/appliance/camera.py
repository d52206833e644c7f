"""A network camera that shows a clip again and again: camera.py CLIP PORT [SLOWER].

Speaks as much RTSP as a camera has to (one H.264 stream, interleaved over TCP), with nothing but Python's library, so that
the machine under test needs nothing from a package registry. SLOWER stretches the time, for machines that are emulated.
Every client gets the clip from its beginning, for ever, with times that go on.
"""

import base64
import socketserver
import struct
import sys
import threading
import time

RATE = 90_000
LARGEST = 1400


def boxes(data, begin, end):
    while begin < end:
        size, kind = struct.unpack(">I4s", data[begin : begin + 8])
        yield kind, begin + 8, begin + size
        begin += size


def find(data, path, begin=0, end=None):
    for kind, first, last in boxes(data, begin, len(data) if end is None else end):
        if kind == path[0]:
            return (first, last) if len(path) == 1 else find(data, path[1:], first, last)
    raise SystemExit(f"the clip has no {path[0].decode()}")


class Clip:
    """The pictures of an MP4 file with one track of H.264, in the order in which they are decoded."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        media = (b"moov", b"trak", b"mdia")
        table = find(data, (*media, b"minf", b"stbl"))

        def numbers(kind, columns):
            begin, _ = find(data, (kind,), *table)
            (count,) = struct.unpack(">I", data[begin + 4 : begin + 8])
            return [struct.unpack(f">{columns}I", data[begin + 8 + i * 4 * columns : begin + 8 + (i + 1) * 4 * columns]) for i in range(count)]

        begin, _ = find(data, (*media, b"mdhd"))
        (scale,) = struct.unpack(">I", data[begin + 12 : begin + 16])
        durations = [delta for count, delta in numbers(b"stts", 2) for _ in range(count)]
        shifts = [shift for count, shift in numbers(b"ctts", 2) for _ in range(count)]
        begin, _ = find(data, (b"stsz",), *table)
        same, count = struct.unpack(">II", data[begin + 4 : begin + 12])
        sizes = [same] * count if same else struct.unpack(f">{count}I", data[begin + 12 : begin + 12 + 4 * count])
        chunks = [first for (first,) in numbers(b"stco", 1)]
        runs = numbers(b"stsc", 3)
        places = []
        for chunk, place in enumerate(chunks, 1):
            for _ in range([each for first, each, _ in runs if first <= chunk][-1]):
                places.append(place)
                place += sizes[len(places) - 1]
        at, self.pictures = 0, []
        for place, size, duration, shift in zip(places, sizes, durations, shifts):
            self.pictures.append((at / scale, (at + shift) / scale, self.units(data[place : place + size])))
            at += duration
        self.length = at / scale
        begin = data.index(b"avcC") + 4
        size = struct.unpack(">H", data[begin + 6 : begin + 8])[0]
        self.sequence = data[begin + 8 : begin + 8 + size]
        begin += 9 + size
        size = struct.unpack(">H", data[begin : begin + 2])[0]
        self.picture = data[begin + 2 : begin + 2 + size]

    @staticmethod
    def units(data):
        units = []
        while data:
            (size,) = struct.unpack(">I", data[:4])
            units.append(data[4 : 4 + size])
            data = data[4 + size :]
        return units


class Camera(socketserver.StreamRequestHandler):
    def handle(self):
        self.lock, self.gone = threading.Lock(), threading.Event()
        try:
            while self.answer():
                pass
        except OSError:
            pass
        self.gone.set()

    def answer(self):
        """One request; what the client sends on its interleaved channels is passed over."""
        first = self.rfile.read(1)
        if first == b"$":
            _, size = struct.unpack(">BH", self.rfile.read(3))
            self.rfile.read(size)
            return True
        line = first + self.rfile.readline()
        fields = {}
        while (field := self.rfile.readline().strip()) != b"":
            name, _, value = field.partition(b":")
            fields[name.strip().lower()] = value.strip().decode()
        if not line.strip():
            return first != b""
        verb, address = line.decode().split()[:2]
        more, body = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n", ""
        if verb == "DESCRIBE":
            sets = ",".join(base64.b64encode(unit).decode() for unit in (self.server.clip.sequence, self.server.clip.picture))
            profile = self.server.clip.sequence[1:4].hex()
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=clip\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                f"a=rtpmap:96 H264/{RATE}\r\na=fmtp:96 packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}\r\n"
                "a=control:track\r\n"
            )
            more = f"Content-Type: application/sdp\r\nContent-Base: {address.rstrip('/')}/\r\nContent-Length: {len(body)}\r\n"
        elif verb == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000001\r\nSession: 1;timeout=60\r\n"
        elif verb in ("PLAY", "GET_PARAMETER", "TEARDOWN"):
            more = "Session: 1\r\n"
        if verb == "PLAY":
            more += f"RTP-Info: url={address.rstrip('/')}/track;seq=0;rtptime=0\r\n"
        with self.lock:
            self.wfile.write(f"RTSP/1.0 200 OK\r\nCSeq: {fields.get(b'cseq', '0')}\r\n{more}\r\n{body}".encode())
        if verb == "PLAY":
            threading.Thread(target=self.show, daemon=True).start()
        return verb != "TEARDOWN"

    def show(self):
        clip, slower = self.server.clip, self.server.slower
        number, began, shown = 0, time.monotonic(), 0
        try:
            while not self.gone.is_set():
                for due, moment, units in clip.pictures:
                    time.sleep(max(0.0, began + (shown * clip.length + due) * slower - time.monotonic()))
                    stamp = int((shown * clip.length + moment) * slower * RATE) % 2**32
                    packets = [packet for unit in units for packet in self.packets(unit)]
                    for packet in packets:
                        last = packet is packets[-1]
                        head = struct.pack(">BBHII", 0x80, 96 | (0x80 if last else 0), number % 65536, stamp, 1)
                        with self.lock:
                            self.wfile.write(struct.pack(">cBH", b"$", 0, len(head) + len(packet)) + head + packet)
                        number += 1
                shown += 1
        except OSError:
            self.gone.set()

    @staticmethod
    def packets(unit):
        if len(unit) <= LARGEST:
            return [unit]
        parts = [unit[1 + at : 1 + at + LARGEST] for at in range(0, len(unit) - 1, LARGEST)]
        marks = [(0x80 if i == 0 else 0) | (0x40 if i == len(parts) - 1 else 0) | unit[0] & 0x1F for i in range(len(parts))]
        return [bytes((unit[0] & 0xE0 | 28, mark)) + part for mark, part in zip(marks, parts)]


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", int(sys.argv[2])), Camera)
server.clip = Clip(sys.argv[1])
server.slower = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
server.serve_forever()
