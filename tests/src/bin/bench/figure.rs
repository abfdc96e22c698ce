//! A figure, as it is printed, and what figures are made of.

use std::{fs::File, io::Write, path::Path, time::Duration};

use super::timed;

/// One figure, of ours and of whoever it stands beside.
pub struct Figure {
    name: &'static str,
    /// Of what.
    size: &'static str,
    value: f64,
    unit: &'static str,
    peer: Option<(String, f64)>,
}

impl Figure {
    /// Of any unit.
    pub fn new(name: &'static str, size: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, size, value, unit, peer: None }
    }

    /// A duration in seconds.
    pub fn seconds(name: &'static str, size: &'static str, took: Duration) -> Self {
        Self::new(name, size, took.as_secs_f64(), "s")
    }

    /// A duration in milliseconds.
    pub fn milliseconds(name: &'static str, size: &'static str, took: Duration) -> Self {
        Self::new(name, size, took.as_secs_f64() * 1e3, "ms")
    }

    /// What one small write takes until it is durable, on the disk of this folder: the median.
    pub fn fdatasync(size: &'static str, folder: &Path) -> Self {
        let mut file = File::create(folder.join("sync")).expect("a file");
        let write = |_| {
            timed(|| {
                file.write_all(&[0; 512]).expect("a write");
                file.sync_data().expect("fdatasync");
            })
            .1
        };
        let took = median((0..51).map(write).collect());
        Self::milliseconds("disk.fdatasync", size, took)
            .beside_duration("1 ms", Duration::from_millis(1))
    }

    /// Beside a peer's value, in the same unit.
    pub fn beside(self, peer: impl AsRef<str>, value: f64) -> Self {
        Self { peer: Some((peer.as_ref().to_owned(), value)), ..self }
    }

    /// Beside a peer's duration.
    pub fn beside_duration(self, peer: impl AsRef<str>, took: Duration) -> Self {
        let value = match self.unit {
            "ms" => took.as_secs_f64() * 1e3,
            _ => took.as_secs_f64(),
        };
        self.beside(peer, value)
    }

    /// Prints it: for people, or as a line of JSON.
    pub fn print(&self, json: bool) {
        let Self { name, size, value, unit, peer } = self;
        if json {
            let mut line = serde_json::json!({
                "name": name, "size": size, "value": value, "unit": unit,
            });
            if let Some((peer, peer_value)) = peer {
                line["peer"] = peer.as_str().into();
                line["peer_value"] = (*peer_value).into();
                line["ratio"] = (value / peer_value).into();
            }
            println!("{line}");
            return;
        }
        let beside = peer.as_ref().map(|(peer, peer_value)| {
            let ratio = value / peer_value;
            format!("  {ratio:>5.2} of {peer} ({peer_value:.3} {unit})")
        });
        println!("{name:<21} {size:<32} {value:>9.3} {unit:<3}{}", beside.unwrap_or_default());
    }
}

/// The one in the middle.
pub fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).expect("values that compare"));
    values[values.len() / 2]
}

/// The value within which this part of them is, such as 0.99.
pub fn quantile(mut took: Vec<Duration>, part: f64) -> Duration {
    took.sort();
    let place = (took.len() as f64 * part) as usize;
    took[place.min(took.len() - 1)]
}
