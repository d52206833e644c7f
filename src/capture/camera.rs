//! The thread of one camera: opens its source, delivers frames, counts, waits and opens again.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    CameraState, CameraStats, CaptureError, Condition, Fault, Origin, Retry, Source,
    watch::{self, Watch},
};
use crate::{
    backoff::{self, Backoff},
    frame::Frame,
    heartbeat::Heartbeat,
    mailbox::{Receiver, Sender, Sent, WhenFull, mailbox},
    shutdown::{Stop, Trigger, shutdown},
};

/// How frames reach whoever looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The latest few; older ones are forgotten and counted. For live cameras and real-time replay.
    Latest(usize),
    /// Every one; the camera waits while this many are waiting. For recordings as fast as possible.
    Every(usize),
}

/// How a camera is kept alive and watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Care {
    /// Waits before it is opened again. Endless; a camera that comes back must be seen within seconds.
    pub retry: backoff::Settings,
    /// The same where somebody has to do something first: a camera locks out whoever knocks with a wrong password.
    pub refused: backoff::Settings,
    /// `None`: its pictures are not judged, and all of them are handed on.
    pub watch: Option<watch::Settings>,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            retry: backoff::Settings {
                first: Duration::from_millis(250),
                longest: Duration::from_millis(1_500),
                jitter: 0.5,
            },
            refused: backoff::Settings {
                first: Duration::from_secs(30),
                longest: Duration::from_secs(600),
                jitter: 0.2,
            },
            watch: None,
        }
    }
}

/// A stream that lived this long has worked: the next wait is a short one again.
const PROVEN: Duration = Duration::from_secs(5);

/// So often a device that has just appeared may be denied to us before somebody has to do something.
const PLUGGING: u32 = 8;

/// A running camera. Dropping it stops the thread and waits for it, at most about a second.
#[derive(Debug)]
pub struct Camera {
    trigger: Option<Trigger>,
    thread: Option<JoinHandle<()>>,
    stats: Arc<CameraStats>,
    heartbeat: Heartbeat,
}

impl Camera {
    /// Starts the thread. The mailbox closes when the recording is over or the camera is stopped.
    pub fn start(
        source: Box<dyn Source>,
        origin: &Origin,
        delivery: Delivery,
        care: &Care,
    ) -> io::Result<(Self, Receiver<Frame>)> {
        let (sender, receiver) = match delivery {
            Delivery::Latest(places) => mailbox(places, WhenFull::ForgetOldest),
            Delivery::Every(places) => mailbox(places, WhenFull::Wait),
        };
        let (trigger, stop) = shutdown();
        let heartbeat = Heartbeat::new(Arc::clone(&origin.clock));
        let run = Run {
            source,
            origin: origin.clone(),
            sender,
            stop: stop.beating(heartbeat.clone()),
            heartbeat: heartbeat.clone(),
            backoff: Backoff::new(care.retry),
            refusals: Backoff::new(care.refused),
            proven: false,
            denials: None,
            watch: care.watch.clone().map(Watch::new),
            paced: matches!(delivery, Delivery::Latest(_)),
        };
        let name = format!("camera {}", origin.camera);
        // Linux shows 15 bytes of a thread's name; the rest is for panics and debuggers.
        let thread = thread::Builder::new().name(name).spawn(move || run.until_stopped())?;
        let stats = Arc::clone(&origin.stats);
        Ok((Self { trigger: Some(trigger), thread: Some(thread), stats, heartbeat }, receiver))
    }

    pub fn stats(&self) -> &Arc<CameraStats> {
        &self.stats
    }

    /// Its thread's: silent while a driver, a file or a decoder does not come back.
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// The thread is over: the recording ended or failed.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells the thread to stop without waiting for it.
    pub fn stop(&mut self) {
        self.trigger = None;
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a camera thread panicked; this is a bug in amslpr");
        }
    }
}

struct Run {
    source: Box<dyn Source>,
    origin: Origin,
    sender: Sender<Frame>,
    /// Beats whenever it is asked.
    stop: Stop,
    heartbeat: Heartbeat,
    backoff: Backoff,
    refusals: Backoff,
    /// It has worked since it broke last.
    proven: bool,
    /// How often it was denied to us since it was not there at all; `None` if it was there.
    denials: Option<u32>,
    watch: Option<Watch>,
    /// Its pictures come when they are taken, and not as fast as somebody looks at them.
    paced: bool,
}

/// Why one opening of the source was over.
enum Over {
    Ended,
    Stopped,
    Broke(CaptureError),
}

impl Run {
    fn until_stopped(mut self) {
        let stats = Arc::clone(&self.origin.stats);
        let mut last_words = String::new();
        let state = loop {
            match self.once() {
                Over::Ended if !self.source.is_live() => break CameraState::Ended,
                Over::Stopped => break CameraState::Ended,
                over => {
                    let error = match over {
                        Over::Broke(error) => error,
                        Over::Ended | Over::Stopped => CaptureError::new(self.source.describe(), Fault::Gone),
                    };
                    let words = error.to_string();
                    stats.failed(&words);
                    if std::mem::take(&mut self.proven) {
                        // It has worked in between: this is another story.
                        last_words.clear();
                    }
                    let retry = match error.retry() {
                        // What a file will always give, a camera may do otherwise tomorrow.
                        Retry::Never if self.source.is_live() => Retry::Rarely,
                        retry => retry,
                    };
                    let retry = self.with_plugging(&error.fault, retry);
                    let camera = self.origin.camera.clone();
                    if retry == Retry::Never {
                        tracing::error!(%camera, error = %words, "camera failed for good");
                        break CameraState::Failed;
                    }
                    stats.set_state(CameraState::Retrying);
                    let wait = self.wait_after(retry);
                    // The same words again and again are one fact.
                    if words == last_words {
                        tracing::debug!(%camera, error = %words, ?wait, "camera still broken");
                    } else {
                        tracing::warn!(%camera, error = %words, ?wait, "camera broke; opening it again");
                        last_words = words;
                    }
                    if self.stop.wait_timeout(wait) {
                        break CameraState::Ended;
                    }
                    stats.reopening();
                }
            }
        };
        stats.set_state(state);
        self.heartbeat.rest();
    }

    /// A device that was plugged in just now may belong to nobody of us yet: a moment later it does.
    fn with_plugging(&mut self, fault: &Fault, retry: Retry) -> Retry {
        match (fault, self.denials) {
            (Fault::Gone | Fault::Missing, _) => self.denials = Some(0),
            (Fault::Denied, Some(denials)) if denials < PLUGGING => {
                self.denials = Some(denials + 1);
                return Retry::Soon;
            }
            _ => self.denials = None,
        }
        retry
    }

    fn wait_after(&mut self, retry: Retry) -> Duration {
        let chance = backoff::chance();
        match retry {
            Retry::Soon => self.backoff.after_failure(chance),
            Retry::Rarely | Retry::Never => self.refusals.after_failure(chance),
        }
    }

    /// From one opening to the next.
    fn once(&mut self) -> Over {
        let mut stream = match self.source.open(&self.stop) {
            Ok(stream) => stream,
            Err(_) if self.stop.is_stopped() => return Over::Stopped,
            Err(error) => return Over::Broke(error),
        };
        let stats = Arc::clone(&self.origin.stats);
        let opened = self.origin.clock.now();
        loop {
            if self.stop.is_stopped() {
                return Over::Stopped;
            }
            let asked = self.origin.clock.now();
            match stream.next(&self.stop) {
                Ok(Some(frame)) => {
                    let now = self.origin.clock.now();
                    // Before it is called live: or whoever looks in between finds a live camera long silent.
                    stats.heard(now);
                    if stats.state() != CameraState::Live {
                        stats.set_state(CameraState::Live);
                        tracing::info!(camera = %self.origin.camera, source = %self.source.describe(), size = %frame.size, "camera live");
                    }
                    self.refusals.succeeded();
                    if now.since(opened) >= PROVEN {
                        self.backoff.succeeded();
                        self.proven = true;
                    }
                    if !self.is_handed_on(&frame) {
                        stats.rested_picture();
                        continue;
                    }
                    let began = if self.paced { frame.captured } else { asked };
                    stats.captured(frame.seq, began, self.origin.clock.now());
                    match self.sender.send(frame, || self.stop.is_stopped()) {
                        Sent::Kept => stats.delivered_picture(self.origin.clock.now(), false),
                        Sent::Forgot => stats.delivered_picture(self.origin.clock.now(), true),
                        Sent::Lost => return Over::Stopped,
                    }
                }
                Ok(None) if self.stop.is_stopped() => return Over::Stopped,
                Ok(None) => return Over::Ended,
                Err(error) => return Over::Broke(error),
            }
        }
    }
}

impl Run {
    /// Looks at the picture where it is watched: what it is like, and whether anybody needs to see it.
    fn is_handed_on(&mut self, frame: &Frame) -> bool {
        let Some(watch) = &mut self.watch else { return true };
        let hand_on = watch.sees(frame, &self.origin.attention, self.origin.clock.now());
        let condition = watch.condition();
        if self.origin.stats.set_condition(condition) {
            let (camera, picture) = (&self.origin.camera, condition.as_str());
            match condition {
                Condition::Fine => tracing::info!(%camera, picture, "the camera's picture is fine again"),
                _ => tracing::warn!(%camera, picture, "the camera's picture is not as it should be"),
            }
        }
        hand_on
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        capture::{Counts, Form, Stream},
        clock::{Clock, ManualClock},
        frame::{Buffer, CameraId, PixelFormat},
        geometry::Size,
        mailbox::Received,
    };

    const LONG: Duration = Duration::from_secs(20);

    /// Frames to give, then how it ends; or a failure to open.
    type Opening = Result<(u64, Option<Fault>), Fault>;

    /// Opens as its script says.
    struct Scripted {
        openings: Arc<Mutex<Vec<Opening>>>,
        origin: Origin,
        live: bool,
    }

    struct Opened {
        left: u64,
        end: Option<Fault>,
        origin: Origin,
    }

    impl Source for Scripted {
        fn describe(&self) -> String {
            "a script".to_owned()
        }

        fn is_live(&self) -> bool {
            self.live
        }

        fn open(&mut self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
            let mut openings = self.openings.lock().unwrap();
            if openings.is_empty() {
                drop(openings);
                stop.wait_timeout(LONG);
                return Err(CaptureError::new("script", Fault::Gone));
            }
            match openings.remove(0) {
                Ok((left, end)) => Ok(Box::new(Opened { left, end, origin: self.origin.clone() })),
                Err(fault) => Err(CaptureError::new("script", fault)),
            }
        }
    }

    impl Stream for Opened {
        fn next(&mut self, _: &Stop) -> Result<Option<Frame>, CaptureError> {
            if self.left == 0 {
                return self.end.take().map_or(Ok(None), |fault| Err(CaptureError::new("script", fault)));
            }
            self.left -= 1;
            let form = Form { size: Size::new(2, 2), format: PixelFormat::Gray8, full_range: true };
            let seq = self.origin.stats.saw_picture();
            let at = (self.origin.clock.now(), self.origin.clock.wall());
            Ok(Some(self.origin.frame(seq, at, form, Buffer::from(vec![0; 4]))))
        }
    }

    fn start(openings: Vec<Opening>, delivery: Delivery) -> (Camera, Receiver<Frame>) {
        start_as(openings, delivery, Duration::from_millis(1), false)
    }

    fn start_as(
        openings: Vec<Opening>,
        delivery: Delivery,
        refused: Duration,
        live: bool,
    ) -> (Camera, Receiver<Frame>) {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let origin = Origin::new(CameraId::new("gate"), clock, 8);
        let source = Scripted { openings: Arc::new(Mutex::new(openings)), origin: origin.clone(), live };
        let quick = backoff::Settings {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(2),
            jitter: 0.0,
        };
        let refused = backoff::Settings { first: refused, longest: refused, jitter: 0.0 };
        let care = Care { retry: quick, refused, watch: None };
        Camera::start(Box::new(source), &origin, delivery, &care).unwrap()
    }

    fn received(receiver: &Receiver<Frame>) -> Vec<u64> {
        std::iter::from_fn(|| match receiver.receive(LONG) {
            Received::Item(frame) => Some(frame.seq),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_recording_delivers_every_frame_and_ends() {
        let (camera, receiver) = start(vec![Ok((300, None))], Delivery::Every(2));
        assert_eq!(received(&receiver), (0..300).collect::<Vec<_>>());
        assert_eq!(camera.stats().state(), CameraState::Ended);
        assert_eq!(camera.stats().counts(), Counts { seen: 300, delivered: 300, ..Counts::default() });
    }

    #[test]
    fn a_camera_that_breaks_is_opened_again_and_goes_on_counting() {
        let script = vec![
            Err(Fault::Missing),
            Ok((3, Some(Fault::Stalled(LONG)))),
            Err(Fault::Busy),
            Ok((2, Some(Fault::CutOff { frames: 2 }))),
            Ok((9, None)),
        ];
        let (camera, receiver) = start(script, Delivery::Every(2));
        assert_eq!(received(&receiver), [0, 1, 2, 3, 4], "a cut recording is not opened again");
        assert_eq!(camera.stats().state(), CameraState::Failed);
        let counts = camera.stats().counts();
        assert_eq!((counts.failures, counts.reopened, counts.delivered), (4, 3, 5));
        assert!(camera.stats().last_error().unwrap().contains("cut off"));
    }

    #[test]
    fn a_live_camera_goes_on_where_a_recording_would_be_over() {
        let script = vec![Ok((2, None)), Err(Fault::NoPictures), Ok((1, None))];
        let (camera, receiver) = start_as(script, Delivery::Every(2), Duration::from_millis(1), true);
        let seen: Vec<u64> = (0..3)
            .map(|_| match receiver.receive(LONG) {
                Received::Item(frame) => frame.seq,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!((seen.as_slice(), camera.is_finished()), ([0, 1, 2].as_slice(), false));
    }

    /// Opens when it is let: as a driver does that does not come back.
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl Source for Stuck {
        fn describe(&self) -> String {
            "a driver that hangs".to_owned()
        }

        fn open(&mut self, _: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
            let _ = self.0.recv();
            Err(CaptureError::new("driver", Fault::Missing))
        }
    }

    #[test]
    fn a_camera_whose_driver_hangs_is_silent_and_one_that_waits_is_not() {
        let minute = Duration::from_secs(60);
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let origin = Origin::new(CameraId::new("gate"), Arc::clone(&clock) as Arc<dyn Clock>, 8);
        let slow = backoff::Settings { first: LONG, longest: LONG, jitter: 0.0 };
        let care = Care { retry: slow, ..Care::default() };
        let (lets, opens) = std::sync::mpsc::sync_channel(1);
        let (camera, _receiver) =
            Camera::start(Box::new(Stuck(opens)), &origin, Delivery::Latest(1), &care).unwrap();
        // From its beginning to the driver, it moves; then it does not, however often it is looked at.
        for _ in 0..20 {
            clock.advance(minute);
            thread::yield_now();
        }
        while camera.heartbeat().silent_for() < minute {
            clock.advance(minute);
        }
        lets.send(()).unwrap();
        while camera.stats().state() != CameraState::Retrying {
            thread::yield_now();
        }
        clock.advance(minute);
        while !camera.heartbeat().silent_for().is_zero() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_camera_that_was_plugged_in_just_now_may_be_denied_for_a_moment() {
        let denied = || Err(Fault::Denied);
        let script = vec![Err(Fault::Missing), denied(), denied(), denied(), Ok((2, None))];
        // Waits after a refusal that somebody has to see to would outlast the test.
        let (camera, receiver) = start_as(script, Delivery::Every(2), LONG, false);
        assert_eq!(received(&receiver), [0, 1]);
        assert_eq!(camera.stats().counts().failures, 4);
    }

    #[test]
    fn a_live_camera_forgets_what_nobody_fetched() {
        let (camera, receiver) = start(vec![Ok((50, None))], Delivery::Latest(1));
        while !camera.is_finished() {
            thread::yield_now();
        }
        assert_eq!(received(&receiver), [49]);
        assert_eq!(camera.stats().counts().forgotten, 49);
    }

    #[test]
    fn a_stop_is_heard_while_opening_while_waiting_and_while_nobody_fetches() {
        for script in [vec![], vec![Ok((1000, None))]] {
            let (camera, receiver) = start(script, Delivery::Every(1));
            // Joins; a thread that does not hear would hang the test.
            drop(camera);
            drop(receiver);
        }
    }
}
