//! `subject operator [argument]`.

use super::cursor::Cursor;
use super::operator::{Operator, Relation};
use super::pattern::Pattern;
use super::subject::Subject;
use super::value::{Second, Version, decimal};
use std::fmt;

/// One thing asked of an instance.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Comparison {
    Attribute(Box<str>, TextTest),
    TaskGroup(TextTest),
    Ec2InstanceId(TextTest),
    AgentConnected(TextTest),
    AgentVersion(Relation, Version),
    RegisteredAt(Relation, Second),
    RunningTasksCount(Relation, u64),
}

/// What is asked of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TextTest {
    Exists,
    NotExists,
    Compare(Relation, Argument),
    In(Vec<Argument>),
    NotIn(Vec<Argument>),
    Matches(Pattern),
    NotMatches(Pattern),
}

/// A text that values are compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Argument {
    text: Box<str>,
    /// Of a text that reads as one.
    number: Option<f64>,
}

impl Comparison {
    pub(super) fn holds(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::Attribute(name, test) => test.holds(subject.attribute(name)),
            Self::TaskGroup(TextTest::NotExists) => !subject.any_task_group(&mut |_| true),
            Self::TaskGroup(test) => subject.any_task_group(&mut |group| test.holds_of(Some(group))),
            Self::Ec2InstanceId(test) => test.holds(subject.ec2_instance_id().map(Some)),
            Self::AgentConnected(test) => {
                test.holds_of(Some(if subject.agent_connected() { "true" } else { "false" }))
            }
            Self::AgentVersion(relation, version) => {
                let agent = Version::of_agent(subject.agent_version());
                agent.is_some_and(|agent| relation.holds(agent.cmp(version)))
            }
            Self::RegisteredAt(relation, at) => relation.holds(at.order_of(subject.registered_at())),
            Self::RunningTasksCount(relation, count) => {
                relation.holds(u64::from(subject.running_tasks_count()).cmp(count))
            }
        }
    }

    pub(super) fn is_static(&self) -> bool {
        !matches!(self, Self::TaskGroup(_) | Self::RunningTasksCount(..))
    }
}

impl TextTest {
    /// Of a subject that an instance has, perhaps without a value, or lacks.
    fn holds(&self, value: Option<Option<&str>>) -> bool {
        match value {
            Some(value) => self.holds_of(value),
            None => matches!(self, Self::NotExists),
        }
    }

    /// Of a subject that an instance has.
    fn holds_of(&self, value: Option<&str>) -> bool {
        let is = |test: &dyn Fn(&str) -> bool| value.is_some_and(test);
        match self {
            Self::Exists => true,
            Self::NotExists => false,
            Self::Compare(Relation::NotEqual, argument) => !is(&|value| *argument.text == *value),
            Self::Compare(relation, argument) => is(&|value| argument.compare(*relation, value)),
            Self::In(arguments) => is(&|value| arguments.iter().any(|a| *a.text == *value)),
            Self::NotIn(arguments) => !is(&|value| arguments.iter().any(|a| *a.text == *value)),
            Self::Matches(pattern) => is(&|value| pattern.is_match(value)),
            Self::NotMatches(pattern) => !is(&|value| pattern.is_match(value)),
        }
    }

    /// The texts that the value is compared with.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        let arguments = match self {
            Self::Compare(_, argument) => std::slice::from_ref(argument),
            Self::In(arguments) | Self::NotIn(arguments) => arguments,
            Self::Exists | Self::NotExists | Self::Matches(_) | Self::NotMatches(_) => &[],
        };
        arguments.iter().map(|argument| &*argument.text)
    }

    fn operator(&self) -> Operator {
        match self {
            Self::Exists => Operator::Exists,
            Self::NotExists => Operator::NotExists,
            Self::Compare(relation, _) => Operator::Compare(*relation),
            Self::In(_) => Operator::In,
            Self::NotIn(_) => Operator::NotIn,
            Self::Matches(_) => Operator::Matches,
            Self::NotMatches(_) => Operator::NotMatches,
        }
    }
}

impl Argument {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into(), number: decimal(text) }
    }

    /// Equality is that of texts, as AWS says; order is that of numbers where both sides are.
    fn compare(&self, relation: Relation, value: &str) -> bool {
        if relation == Relation::Equal {
            return *value == *self.text;
        }
        let numbers = self.number.and_then(|number| decimal(value)?.partial_cmp(&number));
        relation.holds(numbers.unwrap_or_else(|| value.cmp(&self.text)))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(name, test) => write!(f, "attribute:{name} {test}"),
            Self::TaskGroup(test) => write!(f, "task:group {test}"),
            Self::Ec2InstanceId(test) => write!(f, "ec2InstanceId {test}"),
            Self::AgentConnected(test) => write!(f, "agentConnected {test}"),
            Self::AgentVersion(relation, version) => {
                write!(f, "agentVersion {} {version}", Operator::Compare(*relation))
            }
            Self::RegisteredAt(relation, at) => {
                write!(f, "registeredAt {} {at}", Operator::Compare(*relation))
            }
            Self::RunningTasksCount(relation, count) => {
                write!(f, "runningTasksCount {} {count}", Operator::Compare(*relation))
            }
        }
    }
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = self.operator();
        match self {
            Self::Exists | Self::NotExists => write!(f, "{operator}"),
            Self::Compare(_, argument) => write!(f, "{operator} {argument}"),
            Self::In(arguments) | Self::NotIn(arguments) => {
                write!(f, "{operator} [")?;
                for (i, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Matches(pattern) | Self::NotMatches(pattern) => {
                write!(f, "{operator} ")?;
                quote(pattern.source(), f)
            }
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if Cursor::is_word(&self.text) { f.write_str(&self.text) } else { quote(&self.text, f) }
    }
}

/// No argument has both kinds of quotation marks in it: it stood between those of one kind, or bare.
fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    write!(f, "{quote}{text}{quote}")
}
