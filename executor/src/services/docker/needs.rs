//! Which of a site's containers need which others: by compose's own labels, by what they share, and for
//! containers that say nothing of it by their age. Pure.

use super::inspected::Inspected;

/// What compose says of a service: `db:service_healthy:false,cache:service_started:true`.
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// The needs of some containers, by their places in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needs {
    /// The containers that must have been started before each one.
    pub(super) before: Vec<Vec<usize>>,
    /// Whether others wait until it is well.
    pub(super) must_be_well: Vec<bool>,
    /// The containers that say that they need each one: these stop first.
    pub(super) needed_by: Vec<Vec<usize>>,
}

/// The needs of these containers, the oldest of which comes first.
pub(super) fn needs_of(containers: &[Inspected]) -> Needs {
    let count = containers.len();
    let mut needs = Needs {
        before: vec![Vec::new(); count],
        must_be_well: vec![false; count],
        needed_by: vec![Vec::new(); count],
    };
    let mut silent = None;
    for (place, one) in containers.iter().enumerate() {
        let declared = declared_by(one, containers);
        for (on, well) in &declared {
            if *on != place && !needs.before[place].contains(on) {
                needs.before[place].push(*on);
                needs.needed_by[*on].push(place);
            }
            needs.must_be_well[*on] |= *well && *on != place;
        }
        // What others need is made before them.
        if declared.is_empty() && one.label(DEPENDS_ON).is_none() {
            needs.before[place].extend(silent.replace(place));
        }
    }
    needs
}

/// The places of what it says that it needs, and whether that must be well.
fn declared_by(one: &Inspected, all: &[Inspected]) -> Vec<(usize, bool)> {
    let mut found = Vec::new();
    let places = |wanted: &dyn Fn(&Inspected) -> bool| -> Vec<usize> {
        (0..all.len()).filter(|place| wanted(&all[*place])).collect()
    };
    for entry in one.label(DEPENDS_ON).unwrap_or_default().split(',') {
        let mut words = entry.trim().split(':');
        let (Some(service), condition) = (words.next(), words.next()) else { continue };
        let is_it = |other: &Inspected| {
            other.label(SERVICE) == Some(service) && other.label(PROJECT) == one.label(PROJECT)
        };
        let well = condition == Some("service_healthy");
        found.extend(places(&is_it).into_iter().map(|place| (place, well)));
    }
    for (_, who) in one.shares_with() {
        found.extend(places(&|other| other.is(who)).into_iter().map(|place| (place, false)));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(name: &str, labels: serde_json::Value, host: serde_json::Value) -> Inspected {
        let mut labels = labels;
        labels[PROJECT] = "shop".into();
        labels[SERVICE] = name.into();
        serde_json::from_value(json!({
            "Id": format!("{name:0>64}"), "Name": format!("/{name}"), "Created": name,
            "State": {"Running": true, "StartedAt": "", "ExitCode": 0},
            "Config": {"Labels": labels}, "HostConfig": host,
        }))
        .unwrap()
    }

    #[test]
    fn labels_and_shared_namespaces_say_what_is_needed() {
        let on = |text: &str| json!({DEPENDS_ON: text});
        let all = [
            container("cache", on(""), json!({})),
            container("db", on(""), json!({})),
            container("app", on("db:service_healthy:false,cache:service_started:true"), json!({})),
            container("web", on("app:service_started:false"), json!({})),
            container("tail", on(""), json!({"NetworkMode": "container:web", "Links": ["/db:/x"]})),
        ];
        let needs = needs_of(&all);
        assert_eq!(needs.before, [vec![], vec![], vec![1, 0], vec![2], vec![3, 1]]);
        assert_eq!(needs.must_be_well, [false, true, false, false, false]);
        assert_eq!(needs.needed_by, [vec![2], vec![2, 4], vec![3], vec![4], vec![]]);
    }

    #[test]
    fn the_older_of_those_that_say_nothing_comes_first() {
        let all = ["a", "b", "c"].map(|name| container(name, json!({}), json!({})));
        let needs = needs_of(&all);
        assert_eq!(needs.before, [vec![], vec![0], vec![1]]);
        assert!(needs.needed_by.iter().all(Vec::is_empty), "they stop at once");
    }

    #[test]
    fn who_needs_himself_waits_for_nobody() {
        let all = [container("a", json!({DEPENDS_ON: "a:service_healthy:true"}), json!({}))];
        assert!(needs_of(&all).before.iter().all(Vec::is_empty));
        assert_eq!(needs_of(&all).must_be_well, [false]);
    }
}
