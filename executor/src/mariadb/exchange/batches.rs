//! Batches: which tables move together in one RENAME, and the marker that each RENAME carries.
//!
//! One RENAME of all tables grows by the square of their number. So many tables move in several
//! statements. Each takes a marker of its own along, and where that is says whether the batch has moved.
//! The markers are made before the site closes, and their number never changes during an exchange. A
//! table belongs to a batch by its name and that number alone, so no list has to survive a crash.

use std::collections::BTreeSet;

use super::{MariadbError, Marker, Seen, Side, move_of};
use crate::mariadb::script::name;

/// The first marker's name; the others have a number behind it. In schemas of ours alone.
const MARKER: &str = "holdfast_marker";

/// A table that steps aside has this name with a number behind it. In schemas of ours alone.
const ASIDE: &str = "holdfast_aside";

/// The place of the tables on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// All of them are on one side.
    Whole(Side),
    /// Some batches have moved.
    Between,
}

/// The name of a batch's marker.
pub(in crate::mariadb) fn marker_of(batch: usize) -> String {
    match batch {
        0 => MARKER.to_owned(),
        number => format!("{MARKER}_{number}"),
    }
}

/// The batch whose marker this table is.
fn batch_of_marker(table: &str) -> Option<usize> {
    let rest = table.strip_prefix(MARKER)?;
    let number = match rest {
        "" => 0,
        rest => rest.strip_prefix('_')?.parse().ok()?,
    };
    (marker_of(number) == table).then_some(number)
}

/// The name under which a table steps aside.
pub(super) fn aside_of(number: usize) -> String {
    format!("{ASIDE}_{number}")
}

/// True if a table's name is kept for our own.
pub(in crate::mariadb) fn is_reserved(table: &str) -> bool {
    let is_aside = table.strip_prefix(ASIDE).is_some_and(|rest| rest.starts_with('_'));
    batch_of_marker(table).is_some() || is_aside
}

/// The batch of a table, of so many. FNV-1a: a crash, and another version of ours, must find the same.
pub(super) fn batch_of(table: &str, batches: usize) -> usize {
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = table.bytes().fold(0xcbf2_9ce4_8422_2325, add);
    (hash % batches.max(1) as u64) as usize
}

impl Seen {
    fn markers(tables: &[String]) -> BTreeSet<usize> {
        tables.iter().filter_map(|table| batch_of_marker(table)).collect()
    }

    /// The place of the tables on their way.
    ///
    /// # Errors
    /// [`MariadbError::Unusable`] if a marker is in neither schema or in both.
    pub(super) fn position(&self, marker: Marker<'_>) -> Result<Position, MariadbError> {
        let (from, to) = (Self::markers(&self.from), Self::markers(&self.to));
        let all: BTreeSet<usize> = from.union(&to).copied().collect();
        if all.is_empty()
            || from.intersection(&to).next().is_some()
            || !all.iter().copied().eq(0..all.len())
        {
            return Err(MariadbError::Unusable(format!(
                "the table {MARKER} must be in exactly one of {} and {}",
                name(marker.from),
                name(marker.to)
            )));
        }
        Ok(match (from.is_empty(), to.is_empty()) {
            (false, true) => Position::Whole(Side::Old),
            (true, false) => Position::Whole(Side::New),
            _ => Position::Between,
        })
    }

    /// The number of batches.
    fn batches(&self) -> usize {
        Self::markers(&self.from).len() + Self::markers(&self.to).len()
    }

    /// The batches that are not on this side yet.
    pub(super) fn batches_to_move(&self, side: Side) -> BTreeSet<usize> {
        Self::markers(self.comes(side))
    }

    /// The moves of one batch.
    pub(super) fn moves(
        &self,
        batch: usize,
        live: &str,
        marker: Marker<'_>,
        side: Side,
    ) -> Vec<String> {
        let (come, go) = marker.ways(side);
        let batches = self.batches();
        let here = |table: &&String| !is_reserved(table) && batch_of(table, batches) == batch;
        let leaving = self.live.iter().filter(here).map(|table| move_of(table, live, go));
        let coming = self.comes(side).iter().filter(here).map(|table| move_of(table, come, live));
        let own = marker_of(batch);
        leaving.chain(coming).chain([move_of(&own, come, go)]).collect()
    }

    /// The number of tables that move to this side, each counted once with its namesake.
    pub(super) fn number_of_names(&self, side: Side) -> usize {
        let (batches, left) = (self.batches(), Self::markers(self.comes(side)));
        let moves =
            |table: &&String| !is_reserved(table) && left.contains(&batch_of(table, batches));
        let all = self.live.iter().chain(self.comes(side));
        all.filter(moves).collect::<BTreeSet<_>>().len()
    }

    /// The tables that the live schema will have when all batches are on this side.
    pub(super) fn expected(&self, side: Side) -> BTreeSet<String> {
        let (batches, left) = (self.batches(), Self::markers(self.comes(side)));
        let stays = |table: &&String| !left.contains(&batch_of(table, batches));
        let comes = self.comes(side).iter().filter(|table| !is_reserved(table));
        self.live.iter().filter(stays).chain(comes).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(live: &[&str], from: &[&str], to: &[&str]) -> Seen {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Seen { live: list(live), from: list(from), to: list(to), ..Seen::default() }
    }

    const OURS: Marker<'_> = Marker { from: "f", to: "t" };

    #[test]
    fn the_markers_say_how_far_the_tables_are() {
        fn position(from: &[&str], to: &[&str]) -> Option<Position> {
            seen(&[], from, to).position(OURS).ok()
        }
        assert_eq!(position(&["holdfast_marker"], &[]), Some(Position::Whole(Side::Old)));
        assert_eq!(position(&[], &["holdfast_marker"]), Some(Position::Whole(Side::New)));
        let (first, second) = ("holdfast_marker", "holdfast_marker_1");
        assert_eq!(position(&[first, second], &[]), Some(Position::Whole(Side::Old)));
        assert_eq!(position(&[first], &[second]), Some(Position::Between));
        assert_eq!(position(&[], &[]), None);
        assert_eq!(position(&[first], &[first]), None);
        assert_eq!(position(&[second], &[]), None);
        assert_eq!(position(&[first, "holdfast_marker_01"], &[]), Some(Position::Whole(Side::Old)));
    }

    #[test]
    fn every_table_moves_in_exactly_one_batch_with_its_namesake() {
        let names: Vec<String> = (0..500).map(|n| format!("t{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let markers: Vec<String> = (0..8).map(marker_of).collect();
        let from: Vec<&str> =
            names.iter().copied().chain(markers.iter().map(String::as_str)).collect();
        let seen = seen(&names, &from, &[]);
        let batches = seen.batches_to_move(Side::New);
        assert_eq!(batches, (0..8).collect());
        let moves: Vec<Vec<String>> =
            batches.iter().map(|batch| seen.moves(*batch, "l", OURS, Side::New)).collect();
        assert_eq!(moves.iter().map(Vec::len).sum::<usize>(), 2 * 500 + 8);
        assert!(moves.iter().all(|batch| batch.len() < 250), "about 126 each");
        for batch in &moves {
            let leaving = batch.iter().filter(|one| one.starts_with("`l`.")).count();
            assert_eq!(batch.len(), 2 * leaving + 1, "each with its namesake and one marker");
        }
    }

    #[test]
    fn a_name_is_in_the_same_batch_for_ever() {
        assert_eq!(
            ["", "a", "wp_posts", "🐦"].map(|name| batch_of(name, 1000)),
            [37, 996, 382, 298]
        );
    }
}
