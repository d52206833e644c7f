//! What can be asked of the running daemon, and how it answers: one JSON object on one line.

use serde::{Deserialize, Serialize};

/// Longest request, line end included.
pub(super) const LONGEST: usize = 8 << 10;
/// Longest reply: a report names every camera.
pub(super) const LONGEST_REPLY: usize = 1 << 20;

/// Something that is wanted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Open a gate once.
    GateOpen {
        gate: String,
        reason: String,
        /// Who asks, in their own words; who it really is the kernel says.
        #[serde(default)]
        name: Option<String>,
    },
    /// How everything is, now.
    Status,
    /// Every piece of work, for a while.
    Trace { step: TraceStep },
}

/// How far a trace has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceStep {
    Begin,
    /// What was seen since the last time.
    Fetch,
    End,
}

/// What came of it, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// It was done.
    pub ok: bool,
    pub text: String,
    /// The health report, or a piece of a trace, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<serde_json::Value>,
}

impl Reply {
    pub fn done(text: impl Into<String>) -> Self {
        Self { ok: true, text: text.into(), report: None }
    }

    pub fn refused(text: impl Into<String>) -> Self {
        Self { ok: false, text: text.into(), report: None }
    }
}

/// Reads a request's line.
pub(super) fn parse(line: &[u8]) -> Result<Request, String> {
    serde_json::from_slice(line).map_err(|error| format!("this is no request: {error}"))
}

/// Text from outside that is to be kept: of bounded length, on one line, not empty.
pub(in crate::daemon) fn plain(text: &str, longest: usize) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_anything_else_is_told_why_not() {
        let open = parse(br#"{"do": "gate-open", "gate": "north", "reason": "post"}"#).unwrap();
        assert_eq!(open, Request::GateOpen { gate: "north".into(), reason: "post".into(), name: None });
        assert_eq!(parse(br#"{"do": "status"}"#).unwrap(), Request::Status);
        let begin = Request::Trace { step: TraceStep::Begin };
        assert_eq!(parse(br#"{"do": "trace", "step": "begin"}"#).unwrap(), begin);
        for (line, words) in [
            (r#"{"do": "gate-close", "gate": "north"}"#, "unknown variant `gate-close`"),
            (r#"{"do": "gate-open", "gate": "north"}"#, "missing field `reason`"),
            (
                r#"{"do": "gate-open", "gate": "north", "reason": "x", "force": true}"#,
                "unknown field `force`",
            ),
            (r#"{"do": "gate-open", "gate": 7, "reason": "x"}"#, "invalid type"),
            ("open the gate", "this is no request"),
            ("", "this is no request"),
            ("[[[[[[[[[[", "this is no request"),
            ("\u{0}", "this is no request"),
        ] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
        assert!(parse(b"\xff\xfe{}").is_err());
    }

    #[test]
    fn text_from_outside_is_one_bounded_line() {
        assert_eq!(plain("the\npost\u{1b}[2J", 200).as_deref(), Some("the post [2J"));
        assert_eq!(plain(&"x".repeat(500), 200).map(|text| text.len()), Some(200));
        assert_eq!(plain(" \n\t", 200), None);
    }
}
