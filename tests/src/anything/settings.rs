//! The server's settings: every dynamic one, with values to try.

use std::collections::BTreeMap;

use crate::{MariaDb, Seed};

/// A setting that can be changed while the server runs.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its name, in lower case.
    pub name: String,
    /// True if a session has one of its own.
    pub is_of_sessions: bool,
    kind: String,
    value: String,
    least: Option<f64>,
    most: Option<f64>,
    words: Vec<String>,
}

/// Settings that a test cannot change: they end or damage the server itself, want something of a
/// replica or a cluster that is not there, or name a file.
const LEFT_ALONE: [&str; 26] = [
    "mysql56_temporal_format",
    "read_only",
    "wsrep_",
    "rpl_",
    "slave_",
    "gtid_",
    "replicate_",
    "relay_",
    "innodb_fatal_",
    "innodb_log_file_",
    "innodb_buffer_pool_",
    "innodb_data_file_",
    "innodb_doublewrite",
    "innodb_undo_log_truncate",
    "innodb_max_purge_lag_wait",
    "innodb_monitor_",
    "innodb_log_checkpoint_now",
    "innodb_truncate_temporary",
    "aria_log_",
    "general_log_file",
    "slow_query_log_file",
    "log_slow_query_file",
    "init_slave",
    "keep_files_on_create",
    "thread_pool_",
    "max_binlog_total_size",
];

/// What to try for settings that are texts.
const TEXTS: [(&str, &[&str]); 13] = [
    ("default_storage_engine", &["MyISAM", "Aria", "MEMORY"]),
    ("default_tmp_storage_engine", &["MyISAM", "InnoDB"]),
    ("storage_engine", &["MyISAM", "Aria"]),
    ("enforce_storage_engine", &["InnoDB", "Aria", "MyISAM"]),
    ("time_zone", &["+13:59", "-12:30", "SYSTEM"]),
    (
        "init_connect",
        &["SET sql_mode = 'ANSI_QUOTES'", "SET NAMES latin1", "SET autocommit = 0", "no SQL"],
    ),
    ("system_versioning_asof", &["2020-01-01 00:00:00"]),
    ("ft_boolean_syntax", &["+ -><()~*:\"\"&|", " +-><()~*:\"\"&|"]),
    ("session_track_system_variables", &["*", ""]),
    ("lc_messages", &["de_DE", "ja_JP", "ru_RU"]),
    ("lc_time_names", &["de_DE", "ru_RU"]),
    ("redirect_url", &[""]),
    ("character_set_collations", &["", "utf8mb4=utf8mb4_bin", "utf8mb4=uca1400_ai_ci"]),
];

/// The highest number to try where it is memory or time that is taken.
const MOST: f64 = 268_435_456.0;

impl Setting {
    /// All settings of a server that are dynamic and have a value of the whole server.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn all(server: &MariaDb) -> Vec<Self> {
        let said = server.query(
            "SELECT LOWER(VARIABLE_NAME), VARIABLE_SCOPE, VARIABLE_TYPE, IFNULL(GLOBAL_VALUE, 'NULL'), \
             IFNULL(NUMERIC_MIN_VALUE, ''), IFNULL(NUMERIC_MAX_VALUE, ''), IFNULL(ENUM_VALUE_LIST, '') \
             FROM information_schema.SYSTEM_VARIABLES \
             WHERE READ_ONLY = 'NO' AND VARIABLE_SCOPE <> 'SESSION ONLY' ORDER BY 1",
        );
        let setting = |line: &str| {
            let mut parts = line.split('\t').map(str::to_owned);
            let mut next = || parts.next().expect("a column");
            let (name, scope, kind, value) = (next(), next(), next(), next());
            let (least, most) = (next().parse().ok(), next().parse().ok());
            let words =
                next().split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
            Self { name, is_of_sessions: scope == "SESSION", kind, value, least, most, words }
        };
        said.lines().map(setting).collect()
    }

    /// True if a test may change it.
    pub fn may_be_tried(&self) -> bool {
        !LEFT_ALONE.iter().any(|beginning| self.name.starts_with(beginning))
            && (self.kind != "VARCHAR" || TEXTS.iter().any(|(name, _)| *name == self.name))
    }

    /// Values to try, as SQL has them.
    pub fn values(&self) -> Vec<String> {
        if let Some((_, texts)) = TEXTS.iter().find(|(name, _)| *name == self.name) {
            return texts.iter().map(|text| literal(text)).collect();
        }
        match self.kind.as_str() {
            "BOOLEAN" => vec!["OFF".into(), "ON".into()],
            "ENUM" => self.words.iter().map(|word| literal(word)).collect(),
            "SET" => self.words.iter().map(|word| literal(word)).chain(["''".into()]).collect(),
            "FLAGSET" => {
                let switch = |word: &String| {
                    [literal(&format!("{word}=on")), literal(&format!("{word}=off"))]
                };
                self.words.iter().filter(|word| *word != "default").flat_map(switch).collect()
            }
            _ => self.numbers(),
        }
    }

    fn numbers(&self) -> Vec<String> {
        let (Some(least), Some(most)) = (self.least, self.most) else { return Vec::new() };
        let now = self.value.parse().unwrap_or(least);
        let mut numbers = vec![least, (least + 1.0).min(most), (now / 2.0).max(least)];
        numbers.push(most.min(MOST.max(now)));
        let whole = self.kind != "DOUBLE";
        numbers.iter().map(|n| if whole { format!("{n:.0}") } else { n.to_string() }).collect()
    }

    fn as_it_is(&self) -> String {
        match self.kind.as_str() {
            _ if self.value == "NULL" => "NULL".into(),
            // The word, and no text.
            "VARCHAR" if self.value == "DEFAULT" => "DEFAULT".into(),
            _ if self.value.is_empty() && self.name.ends_with("storage_engine") => "NULL".into(),
            "BOOLEAN" | "ENUM" | "SET" | "FLAGSET" | "VARCHAR" => literal(&self.value),
            _ => self.value.clone(),
        }
    }
}

/// Settings that were changed, with what they are now.
#[derive(Debug, Default)]
pub struct Changed {
    before: BTreeMap<String, String>,
    /// The names and values.
    pub now: Vec<(String, String)>,
}

impl Changed {
    /// Sets these, one after the other; those that the server refuses stay as they are.
    pub fn set(server: &MariaDb, wanted: &[(&Setting, String)]) -> Self {
        let mut changed = Self::default();
        for (setting, value) in wanted {
            if server.try_query(&format!("SET GLOBAL {} = {value}", setting.name)).is_ok() {
                changed.before.insert(setting.name.clone(), setting.as_it_is());
                changed.now.push((setting.name.clone(), value.clone()));
            }
        }
        changed
    }

    /// The same by one run of the client; what the server refuses stays as it is.
    pub fn set_at_once(server: &MariaDb, wanted: &[(&Setting, String)]) -> Self {
        let mut changed = Self::default();
        let mut all = String::new();
        for (setting, value) in wanted {
            all.push_str(&format!("SET GLOBAL {} = {value};\n", setting.name));
            changed.before.insert(setting.name.clone(), setting.as_it_is());
            changed.now.push((setting.name.clone(), value.clone()));
        }
        let _ = MariaDb::run(server.client().arg("--force"), all.as_bytes());
        changed
    }

    /// Some that a seed picks, out of all.
    pub fn random(server: &MariaDb, all: &[Setting], seed: &mut Seed) -> Self {
        let fit: Vec<&Setting> = all.iter().filter(|one| one.may_be_tried()).collect();
        let of_sessions: Vec<&Setting> =
            fit.iter().copied().filter(|one| one.is_of_sessions).collect();
        let mut wanted = Vec::new();
        for _ in 0..seed.below(8) {
            let from = if seed.below(4) == 0 { &fit } else { &of_sessions };
            let setting = *seed.pick(from);
            let values = setting.values();
            if !values.is_empty() {
                wanted.push((setting, seed.pick(&values).clone()));
            }
        }
        Self::set(server, &wanted)
    }

    /// Puts all back as they were.
    pub fn put_back(&self, server: &MariaDb) {
        let mut all = "SET SESSION max_statement_time = 0, SESSION sql_mode = '';\n".to_owned();
        for (name, value) in &self.before {
            all.push_str(&format!("SET GLOBAL {name} = {value};\n"));
        }
        // What could not be set cannot be put back either.
        let _ = MariaDb::run(server.client().arg("--force"), all.as_bytes());
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
