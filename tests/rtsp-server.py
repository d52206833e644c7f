"""A real RTSP server for tests/rtsp.rs: one test picture in every encoding, on a free loopback port.

Prints the ports (for everybody; with basic; with digest authentication), then serves until its parent closes its standard input or two minutes have passed.
Usage: rtsp-server.py PORT (0 for a free one)
"""

import sys
import threading

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as error:
    print(f"missing: {error}; apt-get install python3-gi gir1.2-gst-rtsp-server-1.0", flush=True)
    sys.exit(0)

Gst.init(None)
PICTURE = "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=25/1"
STREAMS = {
    "/h264": f"{PICTURE} ! x264enc tune=zerolatency key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "/h264-b": f"{PICTURE} ! x264enc bframes=2 key-int-max=30 rc-lookahead=5 ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "/h265": f"{PICTURE} ! x265enc tune=zerolatency key-int-max=15 ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "/jpeg": f"{PICTURE} ! jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/vp8": f"{PICTURE} ! vp8enc deadline=1 ! rtpvp8pay name=pay0 pt=96",
}
MISSING = [name for name in ("x264enc", "x265enc", "jpegenc", "vp8enc", "rtph264pay") if not Gst.ElementFactory.find(name)]
if MISSING:
    print(f"missing: {' '.join(MISSING)}; apt-get install gstreamer1.0-plugins-good -bad -ugly", flush=True)
    sys.exit(0)


def factory(pipeline):
    made = GstRtspServer.RTSPMediaFactory.new()
    made.set_launch(f"( {pipeline} )")
    made.set_shared(True)
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
    return server


gi.require_version("GstRtsp", "1.0")
from gi.repository import GstRtsp  # noqa: E402

servers = [
    serve(int(sys.argv[1])),
    serve(0, GstRtsp.RTSPAuthMethod.BASIC),
    serve(0, GstRtsp.RTSPAuthMethod.DIGEST),
]
print(*[server.get_bound_port() for server in servers], flush=True)
loop = GLib.MainLoop()
GLib.timeout_add_seconds(120, loop.quit)
threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
loop.run()
