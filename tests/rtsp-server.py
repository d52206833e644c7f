"""A real RTSP server for the tests: a test picture in every encoding, on a free loopback port.

Prints the ports (for everybody; with basic; with digest authentication), then serves until its parent closes its standard input or SECONDS (120) have passed.
Usage: rtsp-server.py PORT [SECONDS [CLIP]] (port 0 for a free one; CLIP is an MP4 of H.264, served as /clip)
"""

import os
import random
import sys
import threading
import time

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
except (ImportError, ValueError) as error:
    print(f"missing: {error}; apt-get install python3-gi gir1.2-gst-rtsp-server-1.0", flush=True)
    sys.exit(0)

Gst.init(None)
PICTURE = "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=25/1"
H264 = "x264enc tune=zerolatency key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=-1"
STREAMS = {
    "/h264": f"{PICTURE} ! {H264}",
    "/h264-b": f"{PICTURE} ! x264enc bframes=2 key-int-max=30 rc-lookahead=5 ! video/x-h264,profile=high ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "/h265": f"{PICTURE} ! x265enc tune=zerolatency key-int-max=15 ! rtph265pay name=pay0 pt=96 config-interval=-1",
    # Refreshes a part of the picture at a time: after its first picture no other stands for itself.
    "/h264-refresh": f"{PICTURE} ! x264enc tune=zerolatency intra-refresh=true key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "/jpeg": f"{PICTURE} ! jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/vp8": f"{PICTURE} ! vp8enc deadline=1 ! rtpvp8pay name=pay0 pt=96",
    # Stamps and numbers of packets wrap around after two seconds.
    "/wrap": f"{PICTURE} ! {H264} timestamp-offset={2**32 - 180_000} seqnum-offset=65500",
    # Changes its size every two seconds.
    "/sizes": f"videotestsrc is-live=true ! capsfilter name=size caps=video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {H264}",
    # Nothing moves in it, not even noise.
    "/still": f"videotestsrc is-live=true pattern=smpte75 ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {H264}",
    "/still-b": f"videotestsrc is-live=true pattern=smpte75 ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! x264enc bframes=2 b-adapt=false key-int-max=15 rc-lookahead=5 ! video/x-h264,profile=high ! rtph264pay name=pay0 pt=96 config-interval=-1",
    # Noise, as every real sensor has; a scene in which a box moves.
    "/noise": f"videotestsrc is-live=true pattern=snow ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! videoscale ! video/x-raw,width=320,height=240 ! {H264}",
    "/ball": f"videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {H264}",
    # An empty scene with a sensor's noise, at ten pictures a second.
    "/quiet-h265": "appsrc name=quiet is-live=true format=time do-timestamp=true caps=video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=20 ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "/quiet-jpeg": "appsrc name=quiet is-live=true format=time do-timestamp=true caps=video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26",
    # The time at which each picture was made, drawn in it.
    "/stamp": "appsrc name=stamp is-live=true format=time do-timestamp=true caps=video/x-raw,format=I420,width=1920,height=1080,framerate=25/1 ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 key-int-max=25 ! rtph264pay name=pay0 pt=96 config-interval=-1",
}
if len(sys.argv) > 3:
    STREAMS["/clip"] = f"filesrc location={os.path.abspath(sys.argv[3])} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1"
MISSING = [name for name in ("x264enc", "x265enc", "jpegenc", "vp8enc", "rtph264pay") if not Gst.ElementFactory.find(name)]
if MISSING:
    print(f"missing: {' '.join(MISSING)}; apt-get install gstreamer1.0-plugins-good -bad -ugly", flush=True)
    sys.exit(0)


def change_size(element):
    """Between 320x240 and 480x272, for as long as anybody watches."""
    wide = "width=480,height=272" not in element.get_property("caps").to_string().replace("(int)", "")
    size = "width=480,height=272" if wide else "width=320,height=240"
    element.set_property("caps", Gst.Caps.from_string(f"video/x-raw,format=I420,{size},framerate=25/1"))
    return element.get_parent() is not None


def stamp(source):
    """A grey picture with the wall time in microseconds, as 64 black or white blocks of 16x16 pixels in its upper left corner."""
    width, height, block = 1920, 1080, 16
    grey = bytearray([110]) * (width * height) + bytearray([128]) * (width * height // 2)
    began, n = time.monotonic(), 0
    while source.get_parent() is not None:
        picture = bytearray(grey)
        micros = time.time_ns() // 1000
        row = b"".join((b"\xeb" if micros >> (63 - bit) & 1 else b"\x10") * block for bit in range(64))
        for y in range(block):
            picture[y * width : y * width + len(row)] = row
        if source.emit("push-buffer", Gst.Buffer.new_wrapped(bytes(picture))) != Gst.FlowReturn.OK:
            return
        n += 1
        time.sleep(max(0.0, began + n / 25 - time.monotonic()))


def quiet(source):
    """A chequered floor, sharp enough to be no worse for its noise, which is never the same twice in a row."""
    width, height = 320, 240
    dice = random.Random(7)
    floor = [200 if (x // 20 + y // 20) % 2 else 50 for y in range(height) for x in range(width)]
    # Seven, so that key frames, twenty pictures apart, are not the same one again and again.
    pictures = [
        bytes(level + dice.randrange(-3, 4) for level in floor) + bytes([128]) * (width * height // 2) for _ in range(7)
    ]
    began, n = time.monotonic(), 0
    while source.get_parent() is not None:
        if source.emit("push-buffer", Gst.Buffer.new_wrapped(pictures[n % len(pictures)])) != Gst.FlowReturn.OK:
            return
        n += 1
        time.sleep(max(0.0, began + n / 10 - time.monotonic()))


def configure(_, media):
    element = media.get_element()
    size, source, scene = (element.get_by_name(name) for name in ("size", "stamp", "quiet"))
    if scene:
        threading.Thread(target=quiet, args=(scene,), daemon=True).start()
    if size:
        GLib.timeout_add_seconds(2, change_size, size)
    if source:
        threading.Thread(target=stamp, args=(source,), daemon=True).start()


def factory(pipeline):
    made = GstRtspServer.RTSPMediaFactory.new()
    made.set_launch(f"( {pipeline} )")
    made.set_shared(True)
    made.connect("media-configure", configure)
    return made


def permitted(made):
    permissions = GstRtspServer.RTSPPermissions.new()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    made.set_permissions(permissions)
    return made


def serve(port, methods=None):
    """Serves everybody, or with methods only the user `gate` with the password `s3cret`."""
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    for path, pipeline in STREAMS.items():
        made = factory(pipeline)
        server.get_mount_points().add_factory(path, permitted(made) if methods else made)
    if methods:
        user = GstRtspServer.RTSPToken.new()
        user.set_string("media.factory.role", "user")
        auth = GstRtspServer.RTSPAuth.new()
        auth.set_supported_methods(methods)
        auth.add_digest("gate", "s3cret", user)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("gate", "s3cret"), user)
        server.set_auth(auth)
    server.attach(None)
    # Sessions whose client has gone are forgotten.
    GLib.timeout_add_seconds(2, lambda: server.get_session_pool().cleanup() is not None)
    return server


servers = [
    serve(int(sys.argv[1])),
    serve(0, GstRtsp.RTSPAuthMethod.BASIC),
    serve(0, GstRtsp.RTSPAuthMethod.DIGEST),
]
print(*[server.get_bound_port() for server in servers], flush=True)
loop = GLib.MainLoop()
GLib.timeout_add_seconds(int(sys.argv[2]) if len(sys.argv) > 2 else 120, loop.quit)
threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
loop.run()
