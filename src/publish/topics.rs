//! Every topic that AMSLPR publishes to, once: `<prefix>/<site>/<node>/...`.

use crate::frame::CameraId;

/// The topics of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    base: String,
}

/// A word that cannot stand in a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {word:?} cannot be part of an MQTT topic: {why}")]
pub struct TopicError {
    what: &'static str,
    word: String,
    why: &'static str,
}

/// Longest part that is accepted.
const LONGEST: usize = 128;

impl Topics {
    /// `prefix` may have several levels (`buildings/amslpr`); `site` may be absent.
    pub fn new(prefix: &str, site: Option<&str>, node: &str) -> Result<Self, TopicError> {
        let prefix_is_fine = prefix.split('/').try_for_each(|level| check("the prefix", level, prefix));
        prefix_is_fine?;
        if prefix.starts_with('$') {
            return Err(error("the prefix", prefix, "topics that begin with $ belong to the broker"));
        }
        let mut base = prefix.to_owned();
        for (what, word) in [("the site", site), ("the node", Some(node))] {
            if let Some(word) = word {
                if word.contains('/') {
                    return Err(error(what, word, "it has a slash"));
                }
                check(what, word, word)?;
                base = format!("{base}/{word}");
            }
        }
        Ok(Self { base })
    }

    /// `online` or `offline`; retained, and the last will.
    pub fn availability(&self) -> String {
        format!("{}/availability", self.base)
    }

    /// How the node is; retained, the latest counts.
    pub fn health(&self) -> String {
        format!("{}/health", self.base)
    }

    /// One per passage, as soon as the vote is sure; never retained.
    pub fn decision(&self, camera: &CameraId) -> String {
        format!("{}/camera/{}/decision", self.base, level(camera))
    }

    /// One per passage, when it is over; never retained.
    pub fn passage(&self, camera: &CameraId) -> String {
        format!("{}/camera/{}/passage", self.base, level(camera))
    }
}

fn check(what: &'static str, level: &str, whole: &str) -> Result<(), TopicError> {
    if level.is_empty() {
        return Err(error(what, whole, "a level is empty"));
    }
    if level.len() > LONGEST {
        return Err(error(what, whole, "it is longer than 128 bytes"));
    }
    if level.chars().any(|c| matches!(c, '+' | '#') || c.is_control()) {
        return Err(error(what, whole, "+, # and control characters are not allowed"));
    }
    Ok(())
}

fn error(what: &'static str, word: &str, why: &'static str) -> TopicError {
    TopicError { what, word: word.to_owned(), why }
}

/// A camera's name as one topic level: whatever means something in a topic becomes a dash.
fn level(camera: &CameraId) -> String {
    let odd = |c: char| matches!(c, '/' | '+' | '#') || c.is_control();
    camera.as_str().chars().map(|c| if odd(c) { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_as_documented() {
        let topics = Topics::new("amslpr", Some("yard"), "pi-1").unwrap();
        let gate = CameraId::new("gate");
        assert_eq!(topics.availability(), "amslpr/yard/pi-1/availability");
        assert_eq!(topics.health(), "amslpr/yard/pi-1/health");
        assert_eq!(topics.decision(&gate), "amslpr/yard/pi-1/camera/gate/decision");
        assert_eq!(topics.passage(&gate), "amslpr/yard/pi-1/camera/gate/passage");
        let shorter = Topics::new("a/b", None, "n").unwrap();
        assert_eq!(shorter.health(), "a/b/n/health");
    }

    #[test]
    fn words_that_would_change_the_tree_are_refused() {
        let check = |prefix: &str, site: Option<&str>, node: &str, blamed: &str| {
            let words = Topics::new(prefix, site, node).unwrap_err().to_string();
            assert!(words.contains(blamed), "{words}");
        };
        check("", None, "n", "the prefix");
        check("a//b", None, "n", "the prefix");
        check("a/#", None, "n", "the prefix");
        check("$SYS", None, "n", "the prefix");
        check("a", Some("x/y"), "n", "the site");
        check("a", Some("+"), "n", "the site");
        check("a", None, "", "the node");
        check("a", None, "pi\n1", "the node");
        check("a", None, &"n".repeat(200), "the node");
    }

    #[test]
    fn an_odd_camera_name_stays_one_level() {
        let topics = Topics::new("a", None, "n").unwrap();
        assert_eq!(topics.passage(&CameraId::new("in/out #1")), "a/n/camera/in-out -1/passage");
    }
}
