//! The health report as OpenMetrics, for Prometheus and its kin.
//!
//! The report is the one source: nothing is counted or measured here. `names` says what there is, with unit, labels and
//! meaning, and is what `config/prometheus/metrics.md` is made from; `collect` puts the report's figures under these
//! names.

mod collect;
mod names;

use std::collections::BTreeMap;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::health::Health;
use crate::telemetry::{BOUNDS, Times};
use names::{Family, Kind};

/// The report as text, in the form that [`TYPE`](crate::api::METRICS_TYPE) names.
pub(super) fn text(health: &Health) -> Result<String, std::fmt::Error> {
    let mut out = Out::default();
    collect::collect(health, &mut out);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(out));
    let mut text = String::with_capacity(64 << 10);
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The figures, by family.
#[derive(Debug, Default)]
struct Out(BTreeMap<&'static str, (&'static Family, Vec<Sample>)>);

#[derive(Debug)]
struct Sample {
    /// One for each label of the family.
    values: Vec<String>,
    figure: Figure,
}

#[derive(Debug)]
enum Figure {
    Number(f64),
    Whole(u64),
    Times(Box<Times>),
}

impl Out {
    fn push(&mut self, family: &'static Family, values: &[&str], figure: Figure) {
        debug_assert_eq!(values.len(), family.labels.len(), "{}", family.name);
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let group = self.0.entry(family.name).or_insert_with(|| (family, Vec::new()));
        group.1.push(Sample { values, figure });
    }

    fn number(&mut self, family: &'static Family, values: &[&str], number: f64) {
        self.push(family, values, Figure::Number(number));
    }

    fn whole(&mut self, family: &'static Family, values: &[&str], number: u64) {
        self.push(family, values, Figure::Whole(number));
    }

    fn times(&mut self, family: &'static Family, values: &[&str], times: &Times) {
        self.push(family, values, Figure::Times(Box::new(times.clone())));
    }

    /// 1 under the word that holds, 0 under the others.
    fn word(&mut self, family: &'static Family, before: &[&str], words: &[&str], holds: &str) {
        for word in words {
            let values: Vec<&str> = before.iter().copied().chain([*word]).collect();
            self.whole(family, &values, u64::from(*word == holds));
        }
    }
}

impl Collector for Out {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (family, samples) in self.0.values() {
            let (kind, stem) = match family.kind {
                Kind::Counter => (MetricType::Counter, family.name.trim_end_matches("_total")),
                Kind::Gauge => (MetricType::Gauge, family.name),
                Kind::Histogram => (MetricType::Histogram, family.name),
            };
            // The help text ends with a full stop of the encoder's own.
            let help = family.help.trim_end_matches('.');
            let mut metric = encoder.encode_descriptor(stem, help, None, kind)?;
            for sample in samples {
                let labels: Vec<(&str, &str)> =
                    family.labels.iter().copied().zip(sample.values.iter().map(String::as_str)).collect();
                if labels.is_empty() {
                    write(&mut metric, family.kind, &sample.figure)?;
                } else {
                    let labels = labels.as_slice();
                    let mut metric = metric.encode_family(&labels)?;
                    write(&mut metric, family.kind, &sample.figure)?;
                }
            }
        }
        Ok(())
    }
}

fn write(metric: &mut MetricEncoder<'_>, kind: Kind, figure: &Figure) -> Result<(), std::fmt::Error> {
    match (kind, figure) {
        (Kind::Counter, Figure::Whole(count)) => metric.encode_counter::<NoLabelSet, _, u64>(count, None),
        (Kind::Counter, Figure::Number(sum)) => metric.encode_counter::<NoLabelSet, _, u64>(sum, None),
        (Kind::Gauge, Figure::Whole(number)) => metric.encode_gauge(number),
        (Kind::Gauge, Figure::Number(number)) => metric.encode_gauge(number),
        (Kind::Histogram, Figure::Times(times)) => {
            let below = times.below_bounds();
            let mut buckets = Vec::with_capacity(BOUNDS.len() + 1);
            let mut before = 0;
            for (bound, count) in BOUNDS.into_iter().zip(below) {
                buckets.push((bound as f64 / 1e6, count - before));
                before = count;
            }
            buckets.push((f64::MAX, times.count() - before));
            metric.encode_histogram::<NoLabelSet>(times.sum().as_secs_f64(), times.count(), &buckets, None)
        }
        // The table says what is what; a test goes through all of it.
        (Kind::Counter | Kind::Gauge, Figure::Times(_)) | (Kind::Histogram, _) => Err(std::fmt::Error),
    }
}

#[cfg(test)]
mod tests;
