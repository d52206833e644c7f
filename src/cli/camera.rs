//! The camera that a command names: found in the configuration, opened beside a daemon that may be running.

use std::{path::Path, time::Duration};

use super::Exit;
use crate::config::{self, Camera, Config};

/// The configuration and one of its cameras; the only one if none is named. Prints what is wrong itself.
pub(super) fn find(file: &Path, name: Option<&str>) -> Result<(Config, Camera), Exit> {
    let config = match config::load(file) {
        Ok(loaded) => loaded.config,
        Err(report) => {
            report.print();
            return Err(Exit::Configuration);
        }
    };
    let names: Vec<&str> = config.cameras.iter().map(|camera| camera.id.as_str()).collect();
    let found = match (name, config.cameras.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), cameras) => cameras.iter().find(|camera| camera.id.as_str() == name),
    };
    let Some(camera) = found.cloned() else {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        match name {
            Some(name) => eprintln!("amslpr: there is no camera {name:?}; there is {known}"),
            None => eprintln!("amslpr: which camera? there is {known}"),
        }
        return Err(Exit::Usage);
    };
    Ok((config, camera))
}

/// A length of time on the command line: `60s`, `5min`, `1h`.
pub(super) fn time_span(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "a time such as 60s, 5min or 1h is wanted".to_owned())?;
    Duration::try_from(span)
        .ok()
        .filter(|span| (Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(span))
        .ok_or_else(|| "a time from 0.1 s to a day is wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_their_unit() {
        assert_eq!(time_span("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(time_span("5min"), Ok(Duration::from_secs(300)));
        for wrong in ["60", "-5s", "0s", "3d9h", "soon", ""] {
            assert!(time_span(wrong).is_err(), "{wrong}");
        }
    }
}
