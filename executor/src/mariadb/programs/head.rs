//! The head of a CREATE statement, told apart from what follows it.
//!
//! The server writes the heads of routines, views and events itself; of a trigger's it keeps what
//! its author typed.

mod tokens;

pub(super) use self::tokens::Dialect;
use self::tokens::{Reader, Token};
use super::ProgramKind;

/// A CREATE statement taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What stands before a view's definer and belongs to it: its algorithm and its security.
    pub view: Option<(Word, Word)>,
    /// Whether a function is an aggregate.
    pub aggregate: bool,
    /// After which other trigger a trigger acts, in the words of its author.
    pub follows: Option<Vec<u8>>,
    /// A trigger's head as its author typed it, if it is plain.
    pub typed: Option<Typed>,
    /// What follows the head, from the character after it.
    pub rest: Vec<u8>,
}

/// The head of a trigger from its name on, and what it names. Without a schema, a comment or
/// anything else that a server could read in another way than we do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// As it was typed.
    pub text: String,
    /// The trigger, the table, and when it acts on what.
    pub names: [String; 4],
}

/// A word of SQL, in upper case.
pub type Word = String;

/// Why a text is not the creation of such a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its text is not that of {kind}: {problem}", kind = .kind.word())]
pub struct HeadError {
    kind: ProgramKind,
    problem: &'static str,
}

/// What may stand between ON SCHEDULE and DO beside numbers and texts: nothing that the server
/// would evaluate for us.
const SCHEDULE_WORDS: &[&str] = &[
    "AT",
    "EVERY",
    "STARTS",
    "ENDS",
    "ON",
    "COMPLETION",
    "NOT",
    "PRESERVE",
    "ENABLE",
    "DISABLE",
    "SLAVE",
    "COMMENT",
    "YEAR",
    "QUARTER",
    "MONTH",
    "DAY",
    "HOUR",
    "MINUTE",
    "WEEK",
    "SECOND",
    "MICROSECOND",
    "YEAR_MONTH",
    "DAY_HOUR",
    "DAY_MINUTE",
    "DAY_SECOND",
    "DAY_MICROSECOND",
    "HOUR_MINUTE",
    "HOUR_SECOND",
    "HOUR_MICROSECOND",
    "MINUTE_SECOND",
    "MINUTE_MICROSECOND",
    "SECOND_MICROSECOND",
];

impl Head {
    /// Takes a text apart.
    pub(super) fn of(kind: ProgramKind, text: &[u8], dialect: Dialect) -> Result<Self, HeadError> {
        let mut reader = Reader { text, at: 0, dialect, ambiguous: false };
        reader.head(kind).map_err(|problem| HeadError { kind, problem })
    }
}

impl Reader<'_> {
    fn head(&mut self, kind: ProgramKind) -> Result<Head, &'static str> {
        let (mut view, mut aggregate, mut follows, mut typed) = (None, false, None, None);
        self.word("CREATE")?;
        if kind == ProgramKind::View {
            self.word("ALGORITHM")?;
            self.sign(b'=')?;
            let algorithm = self.one_of(&["UNDEFINED", "MERGE", "TEMPTABLE"])?;
            self.definer()?;
            self.word("SQL")?;
            self.word("SECURITY")?;
            view = Some((algorithm, self.one_of(&["DEFINER", "INVOKER"])?));
        } else {
            self.definer()?;
        }
        if kind == ProgramKind::Function && self.peek() == Token::Word("AGGREGATE".into()) {
            self.token();
            aggregate = true;
        }
        self.word(kind.word())?;
        if kind == ProgramKind::Trigger {
            (follows, typed) = self.trigger()?;
        } else {
            self.qualified_name()?;
        }
        let rest = self.text[self.at..].to_vec();
        self.check_rest(kind)?;
        Ok(Head { view, aggregate, follows, typed, rest })
    }

    /// From a trigger's name to its body.
    fn trigger(&mut self) -> Result<(Option<Vec<u8>>, Option<Typed>), &'static str> {
        if self.peek() == Token::Word("IF".into()) {
            ["IF", "NOT", "EXISTS"].iter().try_for_each(|word| self.word(word))?;
        }
        let begin = self.at;
        let trigger = self.qualified_name()?;
        let timing = self.one_of(&["BEFORE", "AFTER"])?;
        let event = self.one_of(&["INSERT", "UPDATE", "DELETE"])?;
        self.word("ON")?;
        let table = self.qualified_name()?;
        ["FOR", "EACH", "ROW"].iter().try_for_each(|word| self.word(word))?;
        let mut follows = None;
        let mut precedes = false;
        match self.peek() {
            Token::Word(word) if word == "FOLLOWS" || word == "PRECEDES" => {
                self.token();
                let other = self.name()?;
                precedes = word == "PRECEDES";
                follows = (!precedes).then_some(other);
            }
            _ => {}
        }
        let text = str::from_utf8(&self.text[begin..self.at]).unwrap_or_default();
        let blank = |c: char| c == ' ' || c == '\n' || c == '\t';
        let plain = |c: char| c.is_ascii_alphanumeric() || "_$`\"".contains(c) || blank(c);
        let named = |name: Vec<u8>| String::from_utf8(name).unwrap_or_default();
        let typed =
            Typed { text: text.to_owned(), names: [named(trigger), named(table), timing, event] };
        Ok((follows, (text.chars().all(plain) && !precedes).then_some(typed)))
    }

    /// What follows must be of this kind, and nothing that is evaluated when it is created.
    fn check_rest(&mut self, kind: ProgramKind) -> Result<(), &'static str> {
        match kind {
            // A function without parameters in parentheses would be one of a shared library.
            ProgramKind::Function | ProgramKind::Procedure if self.peek() != Token::Sign(b'(') => {
                Err("its parameters are missing")
            }
            ProgramKind::View if self.peek() != Token::Word("AS".into()) => {
                Err("its query is missing")
            }
            ProgramKind::Event => self.check_schedule(),
            _ => Ok(()),
        }
    }

    fn check_schedule(&mut self) -> Result<(), &'static str> {
        self.word("ON")?;
        self.word("SCHEDULE")?;
        loop {
            match self.token() {
                Token::Word(word) if word == "DO" && !self.ambiguous => return Ok(()),
                Token::Word(word) if SCHEDULE_WORDS.contains(&word.as_str()) => {}
                Token::Word(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {}
                Token::Text => {}
                _ => return Err("its schedule is no plain one"),
            }
        }
    }

    fn definer(&mut self) -> Result<(), &'static str> {
        self.word("DEFINER")?;
        self.sign(b'=')?;
        self.name()?;
        // A role has no host.
        if self.peek() == Token::Sign(b'@') {
            self.token();
            self.name()?;
        }
        Ok(())
    }

    /// The last part of a name that may have a schema before it.
    fn qualified_name(&mut self) -> Result<Vec<u8>, &'static str> {
        let name = self.name()?;
        if self.peek() != Token::Sign(b'.') {
            return Ok(name);
        }
        self.token();
        self.name()
    }

    fn name(&mut self) -> Result<Vec<u8>, &'static str> {
        let begin = self.skip();
        match self.token() {
            Token::Name(name) => Ok(name),
            Token::Word(_) => Ok(self.text[begin..self.at].to_vec()),
            _ => Err("a name is missing"),
        }
    }

    fn word(&mut self, expected: &str) -> Result<(), &'static str> {
        self.one_of(&[expected]).map(|_| ())
    }

    fn one_of(&mut self, expected: &[&str]) -> Result<Word, &'static str> {
        match self.token() {
            Token::Word(word) if expected.contains(&word.as_str()) => Ok(word),
            _ => Err("its first words are others"),
        }
    }

    fn sign(&mut self, expected: u8) -> Result<(), &'static str> {
        match self.token() {
            Token::Sign(sign) if sign == expected => Ok(()),
            _ => Err("its first words are others"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(kind: ProgramKind, text: &str) -> Result<String, HeadError> {
        Head::of(kind, text.as_bytes(), Dialect::default())
            .map(|head| String::from_utf8(head.rest).unwrap())
    }

    fn trigger(text: &str) -> Result<Head, HeadError> {
        Head::of(ProgramKind::Trigger, text.as_bytes(), Dialect::default())
    }

    #[test]
    fn a_trigger_as_its_author_typed_it() {
        let typed = "CREATE DEFINER=`r``t`@`%` TRIGGER /* c */ live . `t r` -- hi\n before Insert \
                     on `it's` for each row follows x /* body */ begin end";
        let head = trigger(typed).unwrap();
        assert_eq!(head.rest, b" /* body */ begin end");
        assert_eq!(head.follows, Some(b"x".to_vec()));
        assert_eq!(head.typed, None, "comments and a schema are not plain");
        let plain =
            "CREATE DEFINER=`r`@`%` TRIGGER t before Insert ON `a b` FOR EACH ROW SET @a = 1";
        let typed = trigger(plain).unwrap().typed.unwrap();
        assert_eq!(typed.names, ["t", "a b", "BEFORE", "INSERT"]);
        assert_eq!(typed.text, " t before Insert ON `a b` FOR EACH ROW");
    }

    #[test]
    fn heads_that_the_server_writes() {
        let view = "CREATE ALGORITHM=MERGE DEFINER=\"u\"@\"h\" SQL SECURITY INVOKER VIEW \"v\" AS select 1";
        assert_eq!(rest(ProgramKind::View, view).unwrap(), " AS select 1");
        let function = "CREATE DEFINER=`u`@`h` FUNCTION `f`(x int) RETURNS int(11)\nreturn 1";
        assert_eq!(
            rest(ProgramKind::Function, function).unwrap(),
            "(x int) RETURNS int(11)\nreturn 1"
        );
        let event = "CREATE DEFINER=`u`@`h` EVENT `e` ON SCHEDULE EVERY '1:30' DAY_HOUR STARTS \
                     '2026-11-21 09:04:13' ON COMPLETION NOT PRESERVE ENABLE COMMENT 'DO; x' DO f()";
        assert!(rest(ProgramKind::Event, event).is_ok());
    }

    #[test]
    fn a_text_that_is_something_else_is_refused() {
        for (kind, text) in [
            (ProgramKind::Procedure, "GRANT ALL ON *.* TO x"),
            (ProgramKind::Procedure, "CREATE DEFINER=`u`@`h` FUNCTION `f`() RETURNS int return 1"),
            (
                ProgramKind::Function,
                "CREATE DEFINER=`u`@`h` FUNCTION f RETURNS STRING SONAME 'x.so'",
            ),
            (
                ProgramKind::View,
                "CREATE ALGORITHM=MERGE DEFINER=`u`@`h` SQL SECURITY DEFINER VIEW v",
            ),
            (
                ProgramKind::Event,
                "CREATE DEFINER=`u`@`h` EVENT e ON SCHEDULE EVERY evil() DAY ON COMPLETION NOT \
                 PRESERVE ENABLE DO x",
            ),
            (ProgramKind::Trigger, "CREATE DEFINER=`u`@`h` TRIGGER"),
            // What stands in such a comment is executed: here it names another schema.
            (ProgramKind::Procedure, "CREATE DEFINER=`u`@`h` PROCEDURE b/*! .evil*/() SELECT 1"),
            (ProgramKind::Procedure, "CREATE DEFINER=`u`@`h` PROCEDURE b /*M!.evil*/ () SELECT 1"),
            (
                ProgramKind::View,
                "CREATE ALGORITHM=MERGE DEFINER=`u`@`h` SQL SECURITY DEFINER \
                                 VIEW b/*!.evil*/ AS SELECT 1",
            ),
            (
                ProgramKind::Function,
                "CREATE DEFINER=`u`@`h` FUNCTION f/*!50000 RETURNS STRING \
                                     SONAME 'x.so' # */ (\n*/",
            ),
            (
                ProgramKind::Event,
                "CREATE DEFINER=`u`@`h` EVENT e ON SCHEDULE EVERY 1 \
                                  /*!+RELEASE_ALL_LOCKS()*/ DAY DO x",
            ),
        ] {
            assert!(rest(kind, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_in_a_schedule_ends_where_the_server_sees_its_end() {
        let event = |text: &[u8], sql_mode, charset| {
            let head = b"CREATE DEFINER=`u`@`h` EVENT e ON SCHEDULE EVERY ";
            Head::of(ProgramKind::Event, &[head, text].concat(), Dialect::of(sql_mode, charset))
        };
        let smuggled = b"'1\\' + evil() -- ' DAY DO\n DAY DO x";
        assert!(event(smuggled, "", "utf8mb4").is_ok(), "one text");
        assert!(event(smuggled, "ANSI,NO_BACKSLASH_ESCAPES", "utf8mb4").is_err());
        let smuggled = b"'1\xbf\\' + evil() -- ' DAY DO\n DAY DO x";
        assert!(event(smuggled, "", "latin1").is_ok(), "one text");
        assert!(event(smuggled, "", "gbk").is_err());
        assert!(event(b"1 DAY COMMENT 'it''s \\\\' DO x", "", "sjis").is_ok());
    }
}
