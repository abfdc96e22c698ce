//! The words of a client program: which error it names, where, and of which table.
//!
//! The client prints the whole failing statement, which may be megabytes of a customer's data: only
//! numbers, state, line and the name of a table are kept.

/// An error that a client program names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The server's or the client's number; 0 for the client's own parser.
    pub(super) number: u32,
    /// The SQLSTATE, or `dump` where the program tells none.
    pub(super) state: String,
    /// The line of its input, 0 if there is none.
    pub(super) line: usize,
    /// The number that a storage engine gave.
    pub(super) engine: Option<u32>,
    /// The table, where the program names it.
    pub(super) table: Option<String>,
    /// The server's option that forbids the statement, where it names one.
    pub(super) option: Option<String>,
    /// True if the connection broke while it was being encrypted.
    pub(super) broke: bool,
}

/// The words of a connection that broke, in an error of encryption.
const BROKEN_CONNECTION: [&str; 6] = ["EOF", "eset", "roken pipe", "yscall", "closed", "imed out"];

/// The words that a table's name follows in what `mariadb-dump` says.
const BEFORE_A_TABLE: [&str; 5] = ["table `", "sequence `", "from `", "table: `", "view `"];

/// The last error that is named: `ERROR 1146 (42S02) at line 3: …` of the server, `ERROR at line 3: …`
/// of the client itself, which has no number, and of the dump
/// `Got error: 2002: "…"`, `Error 2013: …` or `…: View '…' references … (1356)`.
pub(super) fn find_error(stderr: &str) -> Option<Found> {
    stderr.lines().rev().find_map(|line| {
        if let Some(rest) = line.strip_prefix("ERROR at line ") {
            return Some(Found { line: leading_number(rest)? as usize, ..Found::default() });
        }
        if let Some(rest) = line.strip_prefix("ERROR ") {
            let number = leading_number(rest)?;
            let state = rest.split(['(', ')']).nth(1).unwrap_or_default();
            let state = state.chars().take(5).filter(char::is_ascii_alphanumeric).collect();
            let at = rest.split_once(" at line ").and_then(|(_, rest)| leading_number(rest));
            let line = at.unwrap_or(0) as usize;
            let (engine, broke, option) = (engine_error(rest), is_broken(rest), option_of(rest));
            return Some(Found { number, state, line, engine, option, table: None, broke });
        }
        let rest = line.strip_prefix("mariadb-dump: ").or(line.strip_prefix("mysqldump: "))?;
        let named = ["Got error: ", "Error: ", "Error "]
            .iter()
            .find_map(|mark| rest.split_once(mark).and_then(|(_, rest)| leading_number(rest)));
        let last = || {
            let inside = rest.trim_end().strip_suffix(')')?.rsplit_once('(')?.1;
            inside.parse().ok()
        };
        Some(Found {
            number: named.or_else(last)?,
            state: "dump".into(),
            line: 0,
            engine: engine_error(rest),
            option: None,
            table: table_of(rest),
            broke: is_broken(rest),
        })
    })
}

/// An option that the program does not know.
pub(super) fn unknown_option(stderr: &str) -> Option<String> {
    let after = |line: &str| {
        let marks = ["unknown option '", "unknown variable '"];
        let rest = marks.iter().find_map(|mark| Some(line.split_once(mark)?.1))?;
        let option = rest.split(['\'', '=']).next()?;
        // Of such a one the client warns alone.
        let option = (!option.starts_with("loose-")).then_some(option)?;
        Some(option.chars().take(80).collect())
    };
    stderr.lines().find_map(after)
}

/// `Got error 194 "…" from storage engine InnoDB`.
fn engine_error(said: &str) -> Option<u32> {
    leading_number(said.split_once("Got error ")?.1)
}

/// `The MariaDB server is running with the --read-only option so it cannot execute this statement`, in
/// whatever language.
fn option_of(said: &str) -> Option<String> {
    let (_, rest) = said.starts_with("1290 ").then(|| said.split_once(" --"))??;
    let option: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
    (option.len() > 3).then(|| option.replace('-', "_"))
}

fn is_broken(said: &str) -> bool {
    BROKEN_CONNECTION.iter().any(|words| said.contains(words))
}

fn table_of(said: &str) -> Option<String> {
    let lower = said.to_ascii_lowercase();
    let begin = BEFORE_A_TABLE
        .iter()
        .find_map(|words| lower.find(words).map(|place| place + words.len()))?;
    let name = &said[begin..];
    Some(name[..name.find('`')?].chars().take(64).collect())
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_state_line_and_table_of_an_error_are_kept() {
        let said = "--------------\nINSERT INTO secret VALUES ('ERROR 1 (x)')\n--------------\n\n\
                    ERROR 1062 (23000) at line 41: Duplicate entry 'secret' for key 'PRIMARY'\n";
        let found = Found { number: 1062, state: "23000".into(), line: 41, ..Found::default() };
        assert_eq!(find_error(said), Some(found));
        let said = "ERROR 1290 (HY000) at line 1: The MariaDB server is running with the \
                    --max-session-mem-used option so it cannot execute this statement";
        assert_eq!(find_error(said).unwrap().option.as_deref(), Some("max_session_mem_used"));
        let client = "ERROR at line 7: Unknown command '\\!'.";
        assert_eq!(find_error(client), Some(Found { line: 7, ..Found::default() }));
        let found = |said, table: Option<&str>| {
            let found: Found = find_error(said).unwrap();
            assert_eq!((found.state.as_str(), found.table.as_deref()), ("dump", table), "{said}");
            (found.number, found.engine)
        };
        let dump = "mariadb-dump: Got error: 2002: \"Can't connect\" when trying to connect\n";
        assert_eq!(found(dump, None), (2002, None));
        let dump = "mariadb-dump: Error 2013: Lost connection to server during query when dumping";
        assert_eq!(found(dump, None), (2013, None));
        let dump = "mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `v`': View is broken (1356)";
        assert_eq!(found(dump, Some("v")), (1356, None));
        let dump = "mariadb-dump: Error 1412: Table definition has changed, please retry \
                    transaction when dumping table `wp_cache` at row: 0";
        assert_eq!(found(dump, Some("wp_cache")), (1412, None));
        let dump = "mariadb-dump: Couldn't execute 'show create table `posts`': Got error 194 \
                    \"Tablespace is missing for a table\" from storage engine InnoDB (1030)";
        assert_eq!(found(dump, Some("posts")), (1030, Some(194)));
        assert_eq!(find_error("Segmentation fault"), None);
    }

    #[test]
    fn an_option_that_is_not_known_is_named() {
        let of = |said| unknown_option(said).unwrap_or_default();
        assert_eq!(
            of("/usr/bin/mariadb-dump: unknown option '--dump-history'\n"),
            "--dump-history"
        );
        assert_eq!(of("mariadb: unknown variable 'max-allowed-packet=1G'"), "max-allowed-packet");
        assert_eq!(unknown_option("ERROR 1045 (28000): Access denied"), None);
    }
}
