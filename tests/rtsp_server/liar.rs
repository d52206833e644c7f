//! A camera that lies: says in its description what the test tells it, and sends what the test tells it, or nothing.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};

/// What it says and does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// Lines of the video's description after `m=video 0 RTP/AVP 96`.
    pub description: Vec<String>,
    /// Payloads that it sends as RTP packets after PLAY, each as a picture of its own, 40 ms apart, again and again.
    pub payloads: Vec<Vec<u8>>,
    /// Asks for a password, and takes none.
    pub guarded: bool,
    /// The number and the stamp of each packet; counted up evenly, 25 pictures a second, where nothing is said.
    pub numbers: Option<fn(u32) -> (u16, u32)>,
    /// After so many descriptions, it describes itself in a way that is no description.
    pub sane_for: Option<u64>,
}

pub(crate) struct Liar {
    pub port: u16,
    /// Requests that came with a password.
    pub knocks: Arc<AtomicU64>,
    /// Descriptions that were asked for.
    pub described: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    /// On the loopback, of IPv6 if wanted.
    pub(crate) fn start(script: Script, v6: bool) -> Self {
        let listener = TcpListener::bind(if v6 { "[::1]:0" } else { "127.0.0.1:0" }).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (knocks, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let described = Arc::new(AtomicU64::new(0));
        let (counted, heard, asked) = (Arc::clone(&knocks), Arc::clone(&stop), Arc::clone(&described));
        let thread = thread::spawn(move || {
            let clock = SystemClock::start();
            while !heard.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let (script, counted) = (script.clone(), Arc::clone(&counted));
                        let (heard, asked) = (Arc::clone(&heard), Arc::clone(&asked));
                        thread::spawn(move || {
                            let _ = serve(stream, &script, (&counted, &asked), &heard);
                        });
                    }
                    Err(_) => clock.sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { port, knocks, described, stop, thread: Some(thread) }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

fn serve(
    stream: TcpStream,
    script: &Script,
    (knocks, described): (&AtomicU64, &AtomicU64),
    stop: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        let mut request: Vec<String> = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            request.push(line);
        }
        let Some(first) = request.first() else { return Ok(()) };
        let header = |name: &str| {
            request.iter().find_map(|line| line.split_once(": ").filter(|(n, _)| *n == name)).map(|(_, v)| v)
        };
        let number = header("CSeq").unwrap_or("0");
        let (verb, url) = first.split_once(' ').unwrap_or((first, ""));
        let url = url.split(' ').next().unwrap_or_default();
        let mut answer = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n");
        let mut body = String::new();
        if script.guarded {
            if header("Authorization").is_some() {
                knocks.fetch_add(1, Ordering::SeqCst);
            }
            answer = format!(
                "RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: Basic realm=\"camera\"\r\n"
            );
        } else if verb == "DESCRIBE" {
            body = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=lies\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n".to_owned();
            for line in &script.description {
                let _ = write!(body, "{line}\r\n");
            }
            let before = described.fetch_add(1, Ordering::SeqCst);
            if script.sane_for.is_some_and(|sane| before >= sane) {
                body.push_str("no line of a description\r\nnor this\r\n");
            }
            body.push_str("a=control:video\r\n");
            let _ = write!(answer, "Content-Base: {url}/\r\nContent-Type: application/sdp\r\n");
        } else if verb == "SETUP" {
            answer.push_str("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7;timeout=60\r\n");
        } else {
            answer.push_str("Session: 7\r\n");
        }
        let _ = write!(answer, "Content-Length: {}\r\n\r\n{body}", body.len());
        out.write_all(answer.as_bytes())?;
        if verb == "PLAY" && !script.guarded {
            return send(&mut out, script, stop);
        }
        if verb == "TEARDOWN" {
            return Ok(());
        }
    }
}

fn send(out: &mut TcpStream, script: &Script, stop: &AtomicBool) -> std::io::Result<()> {
    let clock = SystemClock::start();
    for n in 0u32.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        if !script.payloads.is_empty() {
            let payload = &script.payloads[n as usize % script.payloads.len()];
            let mut packet = vec![0x80, 0x80 | 96];
            let (number, stamp) = script.numbers.map_or((n as u16, n.wrapping_mul(3600)), |of| of(n));
            packet.extend(number.to_be_bytes());
            packet.extend(stamp.to_be_bytes());
            packet.extend(0x1234_5678u32.to_be_bytes());
            packet.extend(payload);
            out.write_all(&[b'$', 0])?;
            out.write_all(&(packet.len() as u16).to_be_bytes())?;
            out.write_all(&packet)?;
        }
        clock.sleep(Duration::from_millis(40));
    }
    Ok(())
}

/// What a camera that tells the truth would say and send, again and again: a second of moving pictures of H.264, 96x64,
/// a key frame at its beginning.
pub(crate) fn h264() -> Script {
    let arguments = "-v error -nostdin -f lavfi -i testsrc2=size=96x64:rate=25 -frames:v 25 -pix_fmt yuv420p -c:v libx264 \
                     -bf 0 -g 25 -x264-params slices=1:scenecut=0 -f h264 -";
    let output = std::process::Command::new("ffmpeg").args(arguments.split_whitespace()).output();
    let stream = output.expect("these tests need ffmpeg: apt-get install ffmpeg").stdout;
    let starts: Vec<usize> =
        (0..stream.len() - 3).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let units = starts.iter().zip(ends).map(|(from, to)| {
        let unit = &stream[from + 3..to];
        // The next start code may be a long one.
        unit.strip_suffix(&[0]).unwrap_or(unit).to_vec()
    });
    let of = |wanted: &[u8], units: &[Vec<u8>]| -> Vec<Vec<u8>> {
        units.iter().filter(|unit| wanted.contains(&(unit[0] & 31))).cloned().collect()
    };
    let units: Vec<Vec<u8>> = units.collect();
    let (sets, payloads) = (of(&[7, 8], &units), of(&[1, 5], &units));
    assert_eq!(payloads.len(), 25);
    Script { description: described(&sets[0], &sets[1]), payloads, ..Script::default() }
}

fn described(sps: &[u8], pps: &[u8]) -> Vec<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let sets = format!("{},{}", STANDARD.encode(sps), STANDARD.encode(pps));
    vec![
        "a=rtpmap:96 H264/90000".to_owned(),
        format!("a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}"),
    ]
}

/// Bits of an H.264 parameter set.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        for bit in (0..bits).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            self.used += 1;
        }
    }

    /// An Exp-Golomb number.
    fn number(&mut self, value: u32) {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(0, bits - 1);
        self.put(value + 1, bits);
    }
}

/// The description of an H.264 stream whose pictures are this large, in pixels (multiples of 16).
pub(crate) fn h264_of(width: u32, height: u32) -> Vec<String> {
    let mut sps = Bits { bytes: vec![0x67, 66, 0, 51], used: 32 };
    for number in [0, 0, 2, 1] {
        sps.number(number);
    }
    sps.put(0, 1);
    sps.number(width / 16 - 1);
    sps.number(height / 16 - 1);
    // Frames only, direct inference, no cropping, no more to say, and the end.
    for bit in [1, 1, 0, 0, 1] {
        sps.put(bit, 1);
    }
    let mut pps = Bits { bytes: vec![0x68], used: 8 };
    pps.number(0);
    pps.number(0);
    pps.put(0, 2);
    for number in [0, 0, 0] {
        pps.number(number);
    }
    pps.put(0, 3);
    for number in [0, 0, 0] {
        pps.number(number);
    }
    pps.put(0, 3);
    pps.put(1, 1);
    described(&sps.bytes, &pps.bytes)
}
