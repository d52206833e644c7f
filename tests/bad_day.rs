//! One daemon with an H.264, an H.265, an MJPEG and a V4L2 camera through a bad day, and the story that is told of it.
//!
//! `tests/bad-day.sh` prepares the machine in which the daemon runs, and calls this. Everything that is done to the
//! cameras is written into a diary; messages, journal and log have to tell the same story, and no other.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod broker;
mod rtsp_server;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use broker::{Mosquitto, Subscriber};
use jiff::Timestamp;
use rtsp_server::{
    Server,
    proxy::{Proxy, Way},
    wait_for,
};
use serde_json::Value;

/// Network cameras, and the streams that they are.
const NETWORK: [&str; 3] = ["street", "lane", "door"];
const YARD: &str = "yard";
/// Where what the machine says is kept.
const CONSOLE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/bad-day.console");
/// How late an emulated machine may be with what it says.
const SLACK: Duration = Duration::from_secs(20);

/// The emulated machine: words go in, lines come out.
struct Machine {
    child: Child,
    console: ChildStdin,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    fn start(words: &str) -> Self {
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad-day.sh"))
            .args(["machine", words])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (console, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        let mut kept = fs::File::create(CONSOLE).unwrap();
        println!("everything that the machine says is in {CONSOLE}");
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                let _ = writeln!(kept, "{line}");
                heard.lock().unwrap().push(line);
            }
        });
        Self { child, console, lines }
    }

    fn has_said(&self, beginning: &str) -> Option<usize> {
        self.lines.lock().unwrap().iter().position(|line| line.starts_with(beginning))
    }

    /// Booting and telling all take their time in an emulated machine.
    fn wait_for_line(&self, beginning: &str) {
        let clock = SystemClock::start();
        while self.has_said(beginning).is_none() {
            assert!(clock.now().as_micros() < 900_000_000, "the machine never said: {beginning}");
            clock.sleep(Duration::from_millis(200));
        }
    }

    /// Says a word, and waits until it is done.
    fn say(&mut self, word: &str) {
        let answer = format!("done: {word}");
        let count = |lines: &[String]| lines.iter().filter(|line| **line == answer).count();
        let before = count(&self.lines.lock().unwrap());
        self.console.write_all(format!("{word}\n").as_bytes()).unwrap();
        wait_for(word, || count(&self.lines.lock().unwrap()) > before);
    }

    /// Resident memory in KiB, threads, descriptors.
    fn size(&mut self) -> [u64; 3] {
        self.say("size");
        let lines = self.lines.lock().unwrap();
        let line = lines.iter().rfind(|line| line.starts_with("size: ")).unwrap();
        let numbers: Vec<u64> = line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// What was printed between two headings.
    fn part(&self, heading: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let from = lines.iter().position(|line| line == &format!("== {heading}")).unwrap() + 1;
        lines[from..].iter().take_while(|line| !line.starts_with("== ")).cloned().collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// No pictures come: this has to be noticed.
    Absence,
    /// The pictures are not as they should be, and this is what they have to be called.
    Picture(&'static str),
    /// It may be over before anybody could tell, and need not be noticed.
    Perhaps,
}

/// Something that was done to a camera.
#[derive(Debug, Clone)]
struct Entry {
    camera: &'static str,
    #[allow(dead_code, reason = "to be read when a check fails")]
    what: &'static str,
    from: Timestamp,
    to: Timestamp,
    does: Does,
    /// Subscribers could hear of it.
    is_heard: bool,
}

struct Day {
    machine: Machine,
    server: Option<Server>,
    clip: std::path::PathBuf,
    proxies: Vec<Proxy>,
    mosquitto: Mosquitto,
    subscriber: Subscriber,
    clock: SystemClock,
    diary: Vec<Entry>,
}

impl Day {
    fn state(&self, camera: &str) -> String {
        let topic = format!("amslpr/box/camera/{camera}/state");
        self.subscriber.last(&topic).map(|message| message.text).unwrap_or_default()
    }

    fn wait_until_online(&self, cameras: &[&str]) {
        for camera in cameras {
            wait_for(&format!("{camera} is online again"), || self.state(camera) == "online");
        }
    }

    fn pause(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds));
    }

    fn note(
        &mut self,
        cameras: &[&'static str],
        what: &'static str,
        from: Timestamp,
        does: Does,
        is_heard: bool,
    ) {
        let to = self.clock.wall();
        println!("{from:.0}  {what}: {}, {:.0} s", cameras.join(", "), to.duration_since(from).as_secs_f64());
        for camera in cameras {
            self.diary.push(Entry { camera, what, from, to, does, is_heard });
        }
    }

    /// Spoils the way to a network camera for so long.
    fn spoil(&mut self, number: usize, way: Way, what: &'static str, seconds: u64) {
        let from = self.clock.wall();
        self.proxies[number].set(way);
        self.pause(seconds);
        self.proxies[number].set(Way::Open);
        let does = match way {
            Way::Cut | Way::HalfOpen | Way::Stalled => Does::Absence,
            _ => Does::Perhaps,
        };
        self.note(&[NETWORK[number]], what, from, does, true);
        self.wait_until_online(&[NETWORK[number]]);
    }

    fn at_the_device(&mut self, begin: &str, end: &str, what: &'static str, does: Does, seconds: u64) {
        let from = self.clock.wall();
        self.machine.say(begin);
        self.pause(seconds);
        self.machine.say(end);
        self.note(&[YARD], what, from, does, true);
        self.wait_until_online(&[YARD]);
    }

    fn kill_the_server(&mut self, seconds: u64) {
        let port = self.server.as_ref().unwrap().port;
        let from = self.clock.wall();
        self.server = None;
        self.pause(seconds);
        self.server = Server::start_with(port, 2 * 3_600, Some(&self.clip));
        self.note(&NETWORK, "the server was killed", from, Does::Absence, true);
        self.wait_until_online(&NETWORK);
    }

    /// The broker dies, and while it is dead a camera goes and comes back.
    fn kill_the_broker(&mut self, seconds: u64) {
        self.mosquitto.kill();
        self.pause(2);
        let from = self.clock.wall();
        self.proxies[2].set(Way::Cut);
        self.pause(seconds);
        self.proxies[2].set(Way::Open);
        self.note(&["door"], "cut while the broker was dead", from, Does::Absence, false);
        self.pause(15);
        self.mosquitto.start();
        self.pause(10);
        self.wait_until_online(&["door"]);
    }
}

/// An empty street for most of a minute, then the vehicles of the demo clip, again and again.
fn clip(folder: &Path, minutes: u64) -> std::path::PathBuf {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/drive-by.mp4");
    let (round, whole) = (folder.join("round.mp4"), folder.join("street.mp4"));
    // Its first picture stands for the empty street.
    let filter = "[0:v]scale=960:540,fps=12,split[a][b];[a]trim=end_frame=1,loop=loop=420:size=1,\
                  setpts=N/12/TB,noise=alls=5:allf=t[still];[b]setpts=PTS-STARTPTS,noise=alls=5:allf=t[drive];[still][drive]concat=n=2:v=1[v]";
    let ffmpeg = |arguments: &[&str], out: &Path| {
        let status =
            Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y"]).args(arguments).arg(out).status();
        assert!(status.expect("this needs ffmpeg: apt-get install ffmpeg").success());
    };
    let encoder = [
        "-map", "[v]", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "24", "-pix_fmt",
        "yuv420p",
    ];
    ffmpeg(&[&["-i", demo, "-filter_complex", filter], &encoder[..]].concat(), &round);
    let times = (minutes * 2).to_string();
    ffmpeg(&["-stream_loop", &times, "-i", round.to_str().unwrap(), "-c", "copy"], &whole);
    whole
}

#[test]
#[ignore = "takes an hour, and the machine of tests/bad-day.sh"]
fn messages_journal_and_log_tell_the_true_story_of_a_bad_day() {
    let minutes: u64 = std::env::var("AMSLPR_MINUTES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path(), minutes + 15);
    let mut mosquitto = Mosquitto::new("allow_anonymous true").expect("this needs mosquitto");
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "recorder");
    let server = Server::start_with(0, 2 * 3_600, Some(&clip)).expect("this needs GStreamer's RTSP server");
    let proxies: Vec<Proxy> = NETWORK.iter().map(|_| Proxy::start(server.port)).collect();
    let words = format!(
        "h264={} h265={} jpeg={} broker={}",
        proxies[0].port, proxies[1].port, proxies[2].port, mosquitto.port
    );
    let machine = Machine::start(&words);
    let clock = SystemClock::start();
    let mut day =
        Day { machine, server: Some(server), clip, proxies, mosquitto, subscriber, clock, diary: Vec::new() };
    day.machine.wait_for_line("the machine is up");
    let everyone = [&NETWORK[..], &[YARD]].concat();
    day.wait_until_online(&everyone);
    day.pause(20);
    let before = day.machine.size();

    let until = Duration::from_secs(minutes * 60);
    let began = day.clock.now();
    for round in 0.. {
        if day.clock.now().since(began) > until {
            break;
        }
        match round % 14 {
            0 => day.spoil(0, Way::Cut, "the cable was cut", 15),
            1 => day.at_the_device("unplug", "plug", "it was pulled out", Does::Absence, 15),
            2 => day.spoil(1, Way::Stalled, "it stopped in the middle of a picture", 20),
            3 => day.spoil(2, Way::HalfOpen, "the machine behind it was gone", 20),
            4 => day.kill_the_server(12),
            5 => {
                day.at_the_device("stall", "deliver", "its driver stopped delivering", Does::Absence, 20);
            }
            6 => day.spoil(0, Way::Garbage, "noise on the line", 8),
            7 => day.kill_the_broker(12),
            8 => day.spoil(1, Way::Slow, "a slow network", 15),
            9 => day.spoil(1, Way::Cut, "the cable was cut", 15),
            10 => day.machine.say("reload"),
            11 => {
                day.at_the_device("cover", "uncover", "its lens was covered", Does::Picture("dark"), 30);
            }
            12 => day.at_the_device("turn", "turn-back", "it was turned", Does::Picture("moved"), 60),
            _ => day.spoil(2, Way::Stalled, "it stopped in the middle of a picture", 20),
        }
        day.pause(15);
    }
    day.wait_until_online(&everyone);
    let after = day.machine.size();
    day.machine.console.write_all(b"end\n").unwrap();
    day.machine.wait_for_line("== end");
    let told = day.machine.part("log").join("\n");

    messages(&day, &everyone);
    journal(&day, &everyone);
    log(&day, &told, &everyone);
    let passages: Vec<Value> =
        day.machine.part("passages").iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    println!("{} passages on the street", passages.len());
    println!("KiB, threads, descriptors: {before:?} to {after:?}");
    assert!(
        day.machine.part("verify").iter().any(|line| line == "sound"),
        "{:?}",
        day.machine.part("verify")
    );
    assert!(day.machine.has_said("ended: 0").is_some(), "the daemon ended in order");
    assert!(after[0] < before[0] + 10 * 1024, "memory grows");
    assert!(after[1] <= before[1] + 1 && after[2] <= before[2] + 2, "something stays open");
}

/// Subscribers heard of each absence while it lasted, of each return, and of nothing else.
fn messages(day: &Day, cameras: &[&'static str]) {
    let mut returns: Vec<Duration> = Vec::new();
    for camera in cameras {
        let topic = format!("amslpr/box/camera/{camera}/state");
        let heard = day.subscriber.arrived();
        // What is said again after the broker was away is nothing new.
        let mut words: Vec<(Timestamp, String)> = Vec::new();
        for message in heard.iter().filter(|message| message.topic == topic && !message.retained) {
            if words.last().is_none_or(|(_, last)| *last != message.text) {
                words.push((message.at, message.text.clone()));
            }
        }
        let entries: Vec<&Entry> = day.diary.iter().filter(|entry| entry.camera == *camera).collect();
        for (at, word) in words.iter().filter(|(_, word)| word != "online" && word != "starting") {
            let is_true = entries.iter().any(|entry| entry.from <= *at && *at <= entry.to + SLACK);
            assert!(
                is_true,
                "{camera} was said to be {word} at {at}, and nothing had been done to it: {words:?}"
            );
        }
        for entry in entries.iter().filter(|entry| entry.does != Does::Perhaps && entry.is_heard) {
            let is_it = |word: &str| match entry.does {
                Does::Picture(name) => word == name,
                _ => word != "online",
            };
            let gone =
                words.iter().find(|(at, word)| is_it(word) && *at >= entry.from && *at <= entry.to + SLACK);
            assert!(gone.is_some(), "nobody heard of {entry:?}: {words:?}");
            let back = words.iter().find(|(at, word)| word == "online" && *at >= entry.to);
            let back = back.unwrap_or_else(|| panic!("nobody heard of the return after {entry:?}"));
            returns.push(back.0.duration_since(entry.to).unsigned_abs());
        }
        assert_eq!(words.last().map(|(_, word)| word.as_str()), Some("online"), "{camera}");
    }
    returns.sort_unstable();
    let (count, p50, worst) = (returns.len(), returns[returns.len() / 2], returns[returns.len() - 1]);
    println!(
        "{count} absences were told of; online again after {p50:.1?}, at worst {worst:.1?}, of a machine that is emulated"
    );
}

/// The journal has each absence in its order, and the end of it, and no more of them than there were.
fn journal(day: &Day, cameras: &[&'static str]) {
    let mut changes: Vec<Value> =
        day.machine.part("health").iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    changes.reverse();
    for camera in cameras {
        let name = format!("camera {camera} ");
        let is_wrong = |change: &Value| {
            change["problems"]
                .as_array()
                .unwrap()
                .iter()
                .any(|words| words.as_str().unwrap().starts_with(&name))
        };
        let mut spells: Vec<&Value> = Vec::new();
        let mut was_wrong = false;
        for change in &changes {
            if is_wrong(change) && !was_wrong {
                spells.push(&change["at"]);
            }
            was_wrong = is_wrong(change);
        }
        assert!(!was_wrong, "{camera} is wrong in the end: {changes:?}");
        let entries: Vec<&Entry> = day.diary.iter().filter(|entry| entry.camera == *camera).collect();
        let least = entries.iter().filter(|entry| entry.does != Does::Perhaps).count();
        println!("{camera}: {} spells in the journal, {least} in the diary", spells.len());
        for entry in entries.iter().filter(|entry| entry.does != Does::Perhaps) {
            let told = spells.iter().any(|at| {
                let at: Timestamp = at.as_str().unwrap().parse().unwrap();
                entry.from <= at + SLACK && at <= entry.to + SLACK
            });
            assert!(told, "the journal does not know of {entry:?}: {spells:?}");
        }
        // Noise on the line may be one absence or several, or none.
        let most = least + 4 * (entries.len() - least);
        assert!(spells.len() <= most, "{camera}: {spells:?} are more than {entries:?}");
    }
    let broker =
        changes.iter().any(|change| change["problems"].to_string().contains("broker is not reachable"));
    let died = day.diary.iter().any(|entry| !entry.is_heard);
    assert_eq!(broker, died, "the journal knows of the broker's death");
}

/// The log says of each absence that the camera broke and why, and that it lives again.
fn log(day: &Day, told: &str, cameras: &[&'static str]) {
    for camera in cameras {
        let of = |what: &str| {
            let name = format!("camera={camera}");
            told.lines().filter(|line| line.contains(what) && line.contains(&name)).count()
        };
        let entries: Vec<&Entry> = day.diary.iter().filter(|entry| entry.camera == *camera).collect();
        let absences = entries.iter().filter(|entry| entry.does == Does::Absence).count();
        let (broke, live) = (of("camera broke"), of("camera live"));
        println!(
            "{camera}: {broke} times broken and {live} times live in the log, {absences} absences in the diary"
        );
        assert!(broke >= absences && live > absences, "{camera}");
        for name in ["dark", "moved"] {
            let done = entries.iter().filter(|entry| entry.does == Does::Picture(name)).count();
            let said = of(&format!("picture=\"{name}\""));
            assert_eq!(said, done, "{camera}: {name} in the log");
        }
    }
    for panic in ["panicked", "a bug in amslpr"] {
        assert!(!told.contains(panic), "{told}");
    }
}
