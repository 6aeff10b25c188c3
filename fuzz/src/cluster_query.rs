//! Any text as an expression of the cluster query language, and any text as what it is asked about: a line of the one,
//! then the other.

use core_place::query::{EXPRESSION_CHARS_MAX, Expression, Subject};
use model::Timestamp;

/// A container instance of which everything reads the same.
struct Same<'a>(&'a str);

impl Subject for Same<'_> {
    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        (name != "absent").then_some((name != "bare").then_some(self.0))
    }

    fn agent_connected(&self) -> bool {
        self.0.is_empty()
    }

    fn agent_version(&self) -> &str {
        self.0
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        Some(self.0)
    }

    fn registered_at(&self) -> Timestamp {
        Timestamp(self.0.parse().unwrap_or(0))
    }

    fn running_tasks_count(&self) -> u32 {
        self.0.parse().unwrap_or(0)
    }

    fn any_task_group(&self, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        self.0.split(',').any(wanted)
    }
}

/// Whether the bytes are an expression, a newline and a text.
pub fn check(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some((expression, value)) = text.split_once('\n') else { return false };
    let expression = match Expression::parse(expression) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.position() <= expression.chars().count() + 1);
            return false;
        }
    };
    let printed = expression.to_string();
    if printed.chars().count() <= EXPRESSION_CHARS_MAX {
        let again = Expression::parse(&printed).expect("what is printed can be read");
        assert_eq!(again, expression);
        assert_eq!(again.matches(&Same(value)), expression.matches(&Same(value)));
    }
    true
}
