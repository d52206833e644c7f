//! What runs here, by name and version: looked up once, for a report of trouble that says what it is about.

use serde::Serialize;
use sysinfo::System;

use crate::daemon::{board::Board, chain::Networks};

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct Versions {
    pub kernel: Option<String>,
    pub os: Option<String>,
    /// `null` on machines without a device tree.
    pub board: Option<String>,
    pub sqlite: String,
    /// Its library of codecs.
    pub ffmpeg: String,
    /// The networks in use, by task.
    pub networks: Vec<NetworkVersion>,
}

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct NetworkVersion {
    pub task: &'static str,
    pub name: String,
}

impl Versions {
    pub(super) fn look(networks: Option<&Networks>) -> Self {
        let codecs = ffmpeg_next::codec::version();
        let networks = networks.map(Networks::names).unwrap_or_default().into_iter();
        Self {
            kernel: System::kernel_version().ok(),
            os: System::long_os_version().ok(),
            board: Board::default().model(),
            sqlite: rusqlite::version().to_owned(),
            ffmpeg: format!("libavcodec {}.{}.{}", codecs >> 16, (codecs >> 8) & 0xff, codecs & 0xff),
            networks: networks.map(|(task, name)| NetworkVersion { task, name }).collect(),
        }
    }
}
