//! Harms to an installed host in the middle of a restore, by the stage in which it comes.

use holdfast_job::Stage;

use crate::{Host, Power, Shop};

/// One of the things that happen to hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It is told to power off.
    Off,
    /// It loses its power.
    Cut,
    /// Its worker is killed.
    Worker,
    /// Its executor is killed.
    Executor,
    /// Its server of databases is killed.
    MariaDb,
}

impl Harm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Off, Self::Cut, Self::Worker, Self::Executor, Self::MariaDb];
    /// The stages of a restore.
    pub const STAGES: [Stage; 10] = [
        Stage::Check,
        Stage::Fetch,
        Stage::Load,
        Stage::Close,
        Stage::Halt,
        Stage::SwapDatabase,
        Stage::SwapFiles,
        Stage::Resume,
        Stage::Open,
        Stage::Keep,
    ];

    /// Restores the shop, and has this happen in that stage; in the end it is whole and open.
    ///
    /// # Panics
    /// If it is not.
    pub fn befall(self, shop: &mut Shop, stage: Stage) {
        let (wait, held) = (format!("wait {stage}"), format!("held {stage}"));
        match self {
            Self::Off => drop(shop.restore_through(stage.name(), Power::Off)),
            Self::Cut => drop(shop.restore_through(stage.name(), Power::Cut)),
            Self::Worker => drop(shop.restore_harmed(&wait, Host::kill_worker)),
            Self::Executor => drop(shop.restore_harmed(&held, Host::kill_executor)),
            Self::MariaDb => drop(shop.restore_harmed(&held, Host::kill_mariadbd)),
        }
    }
}
