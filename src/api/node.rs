//! The rest of the daemon, as the API sees it: answers and orders, without knowing who gives and takes them.

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::form::Listed;
use crate::frame::Frame;

/// The form of [`Report::Metrics`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What can be asked of the main loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Whether it still works, in a word.
    Outlook,
    /// The health report as JSON.
    Status,
    /// The same as OpenMetrics.
    Metrics,
}

/// How the node is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    pub verdict: &'static str,
    /// Plates are read and kept.
    pub is_ready: bool,
}

/// What the main loop says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Outlook(Outlook),
    Text(String),
}

/// What a camera shows.
#[derive(Debug)]
pub enum View {
    /// There is no such running camera; with those there are.
    Unknown(String),
    /// It has not given a picture yet, or not for a while.
    Nothing,
    /// Its newest one.
    Picture(Box<Frame>),
}

/// Something that is to be done, by its name over MQTT (`gate/open`, `plates/add` ...) and with its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub verb: &'static str,
    pub fields: Map<String, Value>,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    Done(Value),
    /// A field is not as it should be, in words.
    Wrong(String),
    /// It was understood and will not be done, in words.
    Refused(String),
    /// It should have been done and could not be.
    Failed(String),
}

/// Answers and does. What may wait says so.
pub trait Node: Send + Sync {
    /// Asks the main loop; `None` if too many ask. The answer may never come.
    fn ask(&self, what: Report) -> Option<oneshot::Receiver<Result<Answer, String>>>;

    /// The newest picture of a camera.
    fn view(&self, camera: &str) -> View;

    /// Every list entry in force. Waits for the disk.
    fn listed(&self) -> Result<Vec<Listed>, String>;

    /// Does it. Waits for a gate or for the disk, a few seconds at most.
    fn order(&self, order: Order) -> Done;
}
