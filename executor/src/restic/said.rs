//! The words of restic and of what it starts, such as ssh: as lines that a person can read.
//!
//! With `--json` restic wraps its own words, and passes on those of ssh as plain lines. A fault inside
//! restic ends in a stack, whose lines help nobody here.

use serde::Deserialize;

/// As many lines of each kind are told.
const MOST_LINES: usize = 4;
/// Of a longer line so many characters are told from its beginning, and as many from its end, where the
/// reason stands.
const LONGEST_HALF: usize = 200;

/// What was said on stderr, each line once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The last word, of why restic ended.
    last: Option<String>,
    /// What could not be read or written, with its reason.
    items: Vec<String>,
    /// Everything else: of ssh and others, and of restic on its way.
    plain: Vec<String>,
}

/// A line that restic writes to stderr with `--json`.
#[derive(Deserialize)]
struct Complaint {
    message_type: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: Option<Reason>,
    #[serde(default)]
    item: String,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    message: String,
}

impl Said {
    /// Reads stderr, and what ssh has written into a file of its own.
    pub(super) fn of(stderr: &str, ssh: &str) -> Self {
        let mut said = Self::default();
        for line in stderr.lines().chain(ssh.lines()) {
            match serde_json::from_str::<Complaint>(line) {
                Ok(Complaint { message_type, message, .. }) if message_type == "exit_error" => {
                    said.last = Some(in_one_line(&message)).filter(|text| !text.is_empty());
                }
                Ok(Complaint { message_type, error: Some(reason), item, .. })
                    if message_type == "error" =>
                {
                    add(&mut said.items, in_one_line(&format!("{item}: {}", reason.message)));
                }
                Ok(_) => {}
                Err(_) => {
                    let line = line.strip_prefix("subprocess ").unwrap_or(line);
                    let line = line.strip_prefix("/usr/bin/ssh: ").unwrap_or(line);
                    add(&mut said.plain, in_one_line(line));
                }
            }
        }
        said
    }

    /// Every line.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> + Clone {
        self.last.iter().chain(&self.items).chain(&self.plain).map(String::as_str)
    }

    /// The last word first, then what could not be read or written, then the rest.
    pub(super) fn text(&self) -> String {
        let items = few(&self.items);
        let plain = few(&self.plain);
        let all = self
            .last
            .iter()
            .map(|line| shortened(line))
            .chain(items)
            .chain(plain)
            .collect::<Vec<_>>();
        match all.is_empty() {
            true => "it said nothing".into(),
            false => all.join("; "),
        }
    }
}

/// The first of these lines, and how many more there are.
fn few(lines: &[String]) -> Vec<String> {
    let mut few: Vec<String> = lines.iter().take(MOST_LINES).map(|line| shortened(line)).collect();
    if lines.len() > MOST_LINES {
        few.push(format!("and {} more", lines.len() - MOST_LINES));
    }
    few
}

fn add(lines: &mut Vec<String>, line: String) {
    if !line.is_empty() && !lines.contains(&line) {
        lines.push(line);
    }
}

/// A message without its stack, in one line.
fn in_one_line(message: &str) -> String {
    let told: Vec<&str> =
        message.lines().filter(|line| !is_of_a_stack(line)).map(str::trim).collect();
    let text: String =
        told.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// A line with its two ends.
fn shortened(line: &str) -> String {
    let length = line.chars().count();
    if length <= 2 * LONGEST_HALF {
        return line.to_owned();
    }
    let beginning: String = line.chars().take(LONGEST_HALF).collect();
    let end: String = line.chars().skip(length - LONGEST_HALF).collect();
    format!("{beginning}[…]{end}")
}

/// A line of a Go program's stack: a function, or behind a tab the place in its source.
fn is_of_a_stack(line: &str) -> bool {
    let beginnings = [
        "\t",
        "goroutine ",
        "github.com/",
        "golang.org/",
        "main.",
        "runtime.",
        "created by ",
        "[signal ",
    ];
    // Rules of ssh around a changed key.
    let is_rule = line.len() > 20 && line.bytes().all(|byte| byte == b'@');
    is_rule || beginnings.iter().any(|beginning| line.starts_with(beginning))
}

/// The items that a backup or restore could not read or write, as stderr names them; at most 100.
pub(super) fn unreadable(stderr: &str) -> Vec<String> {
    let item = |line| {
        let complaint: Complaint = serde_json::from_str(line).ok()?;
        let cause = complaint.error.map(|cause| cause.message).unwrap_or_default();
        let named = complaint.message_type == "error" && !complaint.item.is_empty();
        named.then(|| format!("{} ({cause})", complaint.item))
    };
    stderr.lines().filter_map(item).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_restic_is_told_first_and_those_of_others_behind_it() {
        let stderr = "subprocess /usr/bin/ssh: garbage \u{1}\n\
                      {\"message_type\":\"exit_error\",\"code\":11,\"message\":\"locked\\nby PID 7\"}\nmore\nmore\n";
        assert_eq!(Said::of(stderr, "").text(), "locked by PID 7; garbage; more");
        assert_eq!(Said::of("\n\nplain words\n\n", "of ssh\n").text(), "plain words; of ssh");
        assert_eq!(Said::of("", "").text(), "it said nothing");
    }

    #[test]
    fn a_stack_is_left_out() {
        let stderr = "panic: runtime error: nil\n[signal SIGSEGV]\n\ngoroutine 1 [running]:\n\
                      main.main()\n\tgithub.com/restic/restic/cmd/restic/main.go:172 +0x267\n";
        assert_eq!(Said::of(stderr, "").text(), "panic: runtime error: nil");
        let stderr = r#"{"message_type":"exit_error","code":1,"message":"id 7 not found\ngithub.com/x\n\ty.go:1"}"#;
        assert_eq!(Said::of(stderr, "").text(), "id 7 not found");
    }

    #[test]
    fn items_are_told_by_their_path_and_only_the_first_of_many() {
        let item = |n: usize| {
            format!(
                "{{\"message_type\":\"error\",\"error\":{{\"message\":\"denied\"}},\"item\":\"/{n}\"}}\n"
            )
        };
        let stderr: String = (0..6).map(item).collect();
        let text = Said::of(&stderr, "").text();
        assert_eq!(text, "/0: denied; /1: denied; /2: denied; /3: denied; and 2 more");
    }

    #[test]
    fn the_reason_behind_a_long_path_is_told() {
        let stderr = format!("open /{}: no space left on device", "x".repeat(1000));
        let said = Said::of(&stderr, "");
        assert!(said.text().ends_with("x: no space left on device"), "{}", said.text());
        assert!(said.text().len() < 420 && said.lines().all(|line| line.len() > 1000));
    }

    #[test]
    fn unreadable_items_are_listed() {
        let stderr = r#"{"message_type":"error","error":{"message":"denied"},"during":"archival","item":"/a"}"#;
        assert_eq!(unreadable(stderr), ["/a (denied)"]);
    }
}
