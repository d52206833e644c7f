//! `amslpr record`: a camera's pictures into a clip, for `amslpr replay` and for whoever has to see what it sees.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{Exit, camera};
use crate::{
    capture::{Origin, record},
    clock::{Clock, SystemClock},
    config::{self, Source},
    daemon,
    shutdown::shutdown,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the camera; may be left out if there is only one.
    camera: Option<String>,
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// How long, such as 60s.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = camera::time_span)]
    span: Duration,
    /// The clip; .ts or .mkv is appended [default: the camera's name and the time]. Pictures of cars are personal data.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Frames alive at once.
const BUFFERS: usize = 4;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    let (_, camera) = match camera::find(&args.config, args.camera.as_deref()) {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let name = args.out.clone().unwrap_or_else(|| {
        // No colons: some file systems refuse them.
        let time = clock.wall().strftime("%Y%m%dT%H%M%SZ").to_string();
        PathBuf::from(format!("{}-{time}.clip", camera.id))
    });
    let origin = Origin::new(camera.id.clone(), Arc::clone(&clock), BUFFERS);
    let (_trigger, stop) = shutdown();
    let recorded = match &camera.source {
        Source::Replay(recording) => {
            eprintln!("amslpr: camera {} is a recording already: {}", camera.id, recording.path.display());
            return Ok(Exit::Usage);
        }
        Source::Rtsp { .. } => {
            let mut rtsp = daemon::network_camera(&camera, origin).map_err(anyhow::Error::msg)?;
            record::network(&mut rtsp, args.span, &name, clock.as_ref(), &stop)?
        }
        Source::V4l2 { .. } => {
            let mut source = daemon::camera_source(&camera, origin).map_err(anyhow::Error::msg)?;
            record::any(source.as_mut(), args.span, &name, &stop)?
        }
    };
    tell!(
        "{}: {} pictures, {:.1} s",
        recorded.path.display(),
        recorded.pictures,
        recorded.span.as_secs_f64()
    )?;
    let Some(error) = recorded.broke else { return Ok(Exit::Success) };
    eprintln!("amslpr: the camera broke before the time was over; the clip ends there: {error}");
    Ok(Exit::Failure)
}
