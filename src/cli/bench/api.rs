//! How quickly the HTTP API answers, over a journal of a given size: asked over the loop, one request after the other on
//! connections that stay open, as dashboards do.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::sync::oneshot;
use ureq::Agent;

use super::{
    pictures,
    sample::{Measured, Sampler},
};
use crate::{
    api::{
        Answer, Claim, Done, Events, Listed, Node, Order, Report, Role, Server, Settings, Sources, Tokens,
        View,
    },
    clock::{Clock, SystemClock},
    fact::{privacy::Privacy, sample},
    frame::Frame,
    geometry::Size,
    journal,
};

const TOKEN: &str = "measured-and-gone-again";
const PATIENCE: Duration = Duration::from_secs(30);
/// As those of usual cameras.
const PICTURE: Size = Size::new(1920, 1080);

/// A node whose camera shows another picture whenever it is looked at.
struct Camera {
    picture: Frame,
    looked: AtomicU64,
}

impl Node for Camera {
    fn ask(&self, _: Report) -> Option<oneshot::Receiver<Result<Answer, String>>> {
        None
    }

    fn view(&self, _: &str) -> View {
        let seq = self.looked.fetch_add(1, Ordering::Relaxed);
        View::Picture(Box::new(Frame { seq, ..self.picture.clone() }))
    }

    fn listed(&self) -> Result<Vec<Listed>, String> {
        Ok(Vec::new())
    }

    fn order(&self, _: Order) -> Done {
        Done::Refused("nothing can be ordered from what is only measured".to_owned())
    }
}

/// `clients` side by side, over a journal of so many passages in `folder`.
pub(super) fn api(
    sampler: &Sampler,
    folder: &Path,
    rows: u64,
    clients: u32,
) -> anyhow::Result<Vec<Measured>> {
    let path = folder.join("api.db");
    journal::bench::fill(&path, rows).context("filling the journal that is asked")?;
    // A free one; somebody else might take it in the moment between, which is said below.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut tokens = Tokens::default();
    tokens.add(Role::Read, TOKEN);
    let settings = Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: None,
        tokens,
        rate: 1_000_000,
        connections: 4096,
        listeners: 1,
        privacy: Privacy::default(),
    };
    let camera = Camera { picture: pictures::drawn(PICTURE), looked: AtomicU64::new(0) };
    let sources =
        Sources { journal: path, evidence: None, node: Arc::new(camera), events: Events::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let _server = Server::start(settings, sources, Claim::Now, clock)
        .with_context(|| format!("serving at port {port}; try again"))?;
    let plate = |round: usize| {
        let n = (round as u64).wrapping_mul(7919) % rows;
        format!(
            "/api/v1/passages?limit=50&plate={}",
            sample::plate(n).map(|plate| plate.to_string()).unwrap_or_default()
        )
    };
    let passage =
        |round: usize| format!("/api/v1/passages/{}", sample::closed(round as u64 % rows).passage.id);
    let fixed = |path: &'static str| move |_: usize| path.to_owned();
    let questions: [(&str, &(dyn Fn(usize) -> String + Sync)); 4] = [
        ("the last 50 passages", &fixed("/api/v1/passages?limit=50")),
        ("the last 50 passages of one plate", &plate),
        ("one passage", &passage),
        ("a camera's picture of 1920x1080, encoded anew", &fixed("/api/v1/cameras/bench/snapshot.jpg")),
    ];
    let mut all = Vec::new();
    for (name, question) in questions {
        let row = sampler.measure_together(name, clients, || {
            let agent: Agent =
                Agent::config_builder().proxy(None).timeout_global(Some(PATIENCE)).build().into();
            anyhow::Ok(move |round: usize| {
                let mut answer = agent
                    .get(format!("http://127.0.0.1:{port}{}", question(round)))
                    .header("authorization", format!("Bearer {TOKEN}"))
                    .call()?;
                std::hint::black_box(answer.body_mut().read_to_vec()?);
                Ok(())
            })
        })?;
        all.push(row.with("rows", rows as f64));
    }
    Ok(all)
}
