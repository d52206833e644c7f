//! Where the threads of a stage run, and how much they give way: `[threads]`, as the kernel takes it.
//!
//! A thread's niceness and processors go over to the threads that it starts. So a stage is started from a thread that has
//! what the stage is to have, and nobody else needs to know of it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustix::{
    io::Errno,
    process::nice,
    thread::{CpuSet, sched_setaffinity},
};

use crate::config::{Share, Threads};

/// The shares in force. Clones share what went wrong.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    pub threads: Threads,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Placement {
    pub(super) fn new(threads: Threads) -> Self {
        Self { threads, trouble: Arc::default() }
    }

    /// Does this on a thread that has the share, so that the threads which it starts have it, too.
    pub(super) fn within<T: Send>(&self, share: &Share, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        if *share == Share::default() {
            return Ok(work());
        }
        let placed = || {
            self.take(share);
            work()
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("placement".to_owned()).spawn_scoped(scope, placed)?;
            thread.join().map_err(|_| io::Error::other("it panicked; this is a bug in amslpr"))
        })
    }

    /// Gives the calling thread this share.
    pub(super) fn take(&self, share: &Share) {
        let mut refused = Vec::new();
        let mut note = |what: String, error: Errno| {
            let advice = match error {
                Errno::PERM => {
                    "; the drop-in /usr/share/doc/amslpr/examples/threads.conf lets the service do it"
                }
                Errno::INVAL => "; there are no such processors here",
                _ => "",
            };
            refused.push(format!("{what}: {error}{advice}"));
        };
        if share.nice > 0
            && let Err(error) = nice(share.nice.into())
        {
            note(format!("giving way by {}", share.nice), error);
        }
        if !share.cpus.is_empty() {
            let mut set = CpuSet::new();
            share.cpus.iter().for_each(|cpu| set.set(*cpu));
            if let Err(error) = sched_setaffinity(None, &set) {
                note(format!("keeping to the processors {:?}", share.cpus), error);
            }
        }
        if refused.is_empty() {
            return;
        }
        let words = format!("the system refuses what [threads] asks for: {}", refused.join("; "));
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            tracing::warn!("{words}");
        }
        *trouble = Some(words);
    }

    /// What the system refused.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    /// Niceness and processors of the calling thread, as the kernel tells them.
    fn mine() -> (i32, String) {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The name may hold blanks; niceness is the nineteenth field.
        let nice = stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap();
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        (nice, cpus.trim().to_owned())
    }

    #[test]
    fn threads_that_are_started_within_a_share_have_it_and_others_do_not() {
        let (before, all) = mine();
        let first = all.split(['-', ',']).next().unwrap().to_owned();
        let share = Share { nice: 3, cpus: BTreeSet::from([first.parse().unwrap()]) };
        let placement = Placement::new(Threads::default());
        let within = placement.within(&share, || {
            (mine(), thread::spawn(|| thread::spawn(mine).join().unwrap()).join().unwrap())
        });
        let (own, started) = within.unwrap();
        assert_eq!(own, ((before + 3).min(19), first));
        assert_eq!(own, started);
        assert_eq!(mine(), (before, all.clone()));
        assert_eq!(placement.within(&Share::default(), mine).unwrap(), (before, all));
        assert_eq!(placement.trouble(), None);
    }

    #[test]
    fn processors_that_are_not_there_are_told_and_the_work_is_done_all_the_same() {
        let placement = Placement::new(Threads::default());
        let share = Share { nice: 0, cpus: [1000].into() };
        assert_eq!(placement.within(&share, || 7).unwrap(), 7);
        let trouble = placement.trouble().unwrap();
        assert!(trouble.contains("[threads]") && trouble.contains("no such processors"), "{trouble}");
    }
}
