//! Every topic that AMSLPR publishes to or listens to, once: `<prefix>/<site>/<node>/...`.

use crate::{frame::CameraId, passage::PassageId};

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

    /// What the node is: versions, cameras, networks; retained.
    pub fn info(&self) -> String {
        format!("{}/info", self.base)
    }

    /// How a camera stands, in one word; retained.
    pub fn camera_state(&self, camera: &CameraId) -> String {
        format!("{}/camera/{}/state", self.base, level(camera.as_str()))
    }

    /// One per passage, as soon as the vote is sure; never retained.
    pub fn decision(&self, camera: &CameraId) -> String {
        format!("{}/camera/{}/decision", self.base, level(camera.as_str()))
    }

    /// One per passage, when it is over; never retained.
    pub fn passage(&self, camera: &CameraId) -> String {
        format!("{}/camera/{}/passage", self.base, level(camera.as_str()))
    }

    /// A picture of a passage; never retained.
    pub fn image(&self, camera: &CameraId, passage: PassageId) -> String {
        format!("{}/camera/{}/passage/{passage}/image", self.base, level(camera.as_str()))
    }

    /// The newest picture of a camera's passages, for those who cannot follow a topic per passage; never retained.
    pub fn last_image(&self, camera: &CameraId) -> String {
        format!("{}/camera/{}/image", self.base, level(camera.as_str()))
    }

    /// How a gate stands, in one word; retained.
    pub fn gate_state(&self, gate: &str) -> String {
        format!("{}/gate/{}/state", self.base, level(gate))
    }

    /// What was asked of a gate and what came of it; never retained.
    pub fn gate_event(&self, gate: &str) -> String {
        format!("{}/gate/{}/event", self.base, level(gate))
    }

    /// Where a gate that somebody else opens is asked to open; never retained.
    pub fn gate_command(&self, gate: &str) -> String {
        format!("{}/gate/{}/command", self.base, level(gate))
    }

    /// The filter of everything that is asked of this node.
    pub fn commands(&self) -> String {
        format!("{}/cmd/#", self.base)
    }

    /// What is asked for on this topic; `None` if it is no command of this node (a reply, perhaps).
    pub fn verb<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let verb = topic.strip_prefix(self.base.as_str())?.strip_prefix("/cmd/")?;
        (verb != "reply" && !verb.starts_with("reply/")).then_some(verb)
    }

    /// Where the command of this id is answered if it does not say where.
    pub fn reply(&self, id: &str) -> String {
        format!("{}/cmd/reply/{id}", self.base)
    }

    /// May a command's answer go to this topic, which the sender of the command chose? Not where it would pass for
    /// something else that this node says: within its own tree, only among the replies.
    pub fn may_answer_at(&self, topic: &str) -> bool {
        let within = |base: &str| {
            topic.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        !topic.is_empty()
            && topic.len() <= 2 * LONGEST
            && !topic.starts_with('$')
            && !topic.chars().any(|c| matches!(c, '+' | '#') || c.is_control())
            && (!within(&self.base) || topic.starts_with(&format!("{}/cmd/reply/", self.base)))
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

/// A name as one topic level: whatever means something in a topic becomes a dash.
fn level(name: &str) -> String {
    let odd = |c: char| matches!(c, '/' | '+' | '#') || c.is_control();
    name.chars().map(|c| if odd(c) { '-' } else { c }).collect()
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
        assert_eq!(topics.info(), "amslpr/yard/pi-1/info");
        assert_eq!(topics.camera_state(&gate), "amslpr/yard/pi-1/camera/gate/state");
        let passage = PassageId(uuid::Uuid::nil());
        let image = "amslpr/yard/pi-1/camera/gate/passage/00000000-0000-0000-0000-000000000000/image";
        assert_eq!(topics.image(&gate, passage), image);
        assert_eq!(topics.last_image(&gate), "amslpr/yard/pi-1/camera/gate/image");
        assert_eq!(topics.gate_state("main"), "amslpr/yard/pi-1/gate/main/state");
        assert_eq!(topics.gate_event("main"), "amslpr/yard/pi-1/gate/main/event");
        assert_eq!(topics.commands(), "amslpr/yard/pi-1/cmd/#");
        assert_eq!(topics.reply("42"), "amslpr/yard/pi-1/cmd/reply/42");
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

    #[test]
    fn a_command_is_told_from_a_reply_and_from_what_is_for_others() {
        let topics = Topics::new("a", None, "n").unwrap();
        assert_eq!(topics.verb("a/n/cmd/gate/open"), Some("gate/open"));
        assert_eq!(topics.verb("a/n/cmd/"), Some(""));
        for other in ["a/n/cmd/reply/7", "a/n/cmd/reply", "a/n2/cmd/status", "a/n/camera/x/state", "a/n/cmd"]
        {
            assert_eq!(topics.verb(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_cannot_be_sent_where_it_would_pass_for_something_else() {
        let topics = Topics::new("a", None, "n").unwrap();
        for fine in ["a/n/cmd/reply/x", "site/controller/answers", "a/n2/answers", "a/nn"] {
            assert!(topics.may_answer_at(fine), "{fine}");
        }
        let long = "x".repeat(300);
        for bad in
            ["", "a/n", "a/n/gate/main/event", "a/n/cmd/gate/open", "$SYS/x", "x/+", "x/#", "x\0", &long]
        {
            assert!(!topics.may_answer_at(bad), "{bad}");
        }
    }
}
