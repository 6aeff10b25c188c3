//! Expressions of `memberOf` that the client draws, and what they mean, said again: the product's own reading of their
//! texts is what is tested.

use model::instance::{ATTRIBUTE_AVAILABILITY_ZONE, ContainerInstance};
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::LaunchType;
use std::fmt;

/// An expression of the cluster query language.
#[derive(Clone, Debug)]
pub enum Expression {
    /// In one of these Availability Zones.
    ZoneIn(Vec<String>),
    /// A custom attribute has this value.
    Has(&'static str, String),
    /// A custom attribute has another value: one that is not there has none.
    HasOther(&'static str, String),
    /// A custom attribute is there.
    Exists(&'static str),
    /// A task of this group is there.
    Group(String),
    /// Fewer tasks run there.
    RunsFewerThan(usize),
    /// The opposite.
    Not(Box<Expression>),
    /// Both hold.
    Both(Box<Expression>, Box<Expression>),
    /// One holds.
    Either(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Whether it holds for an instance with these tasks, all of which hold something there.
    pub fn holds(&self, instance: &ContainerInstance, tasks: &[&Task]) -> bool {
        let value = |name: &str| instance.attributes.get(name).and_then(Option::as_deref);
        // Nobody sees which instance runs a task of FARGATE, and the other tasks on it are of its own cluster.
        let mut shown = tasks.iter().filter(|task| task.launch_type != LaunchType::Fargate);
        match self {
            Self::ZoneIn(zones) => {
                value(ATTRIBUTE_AVAILABILITY_ZONE).is_some_and(|zone| zones.iter().any(|z| z == zone))
            }
            Self::Has(name, wanted) => value(name) == Some(wanted),
            Self::HasOther(name, wanted) => value(name).is_some_and(|value| value != wanted),
            Self::Exists(name) => instance.attributes.contains_key(*name),
            Self::Group(name) => {
                shown.any(|task| task.group == *name && task.desired_status == DesiredStatus::Running)
            }
            Self::RunsFewerThan(n) => shown.filter(|t| t.last_status == TaskStatus::Running).count() < *n,
            Self::Not(inner) => !inner.holds(instance, tasks),
            Self::Both(a, b) => a.holds(instance, tasks) && b.holds(instance, tasks),
            Self::Either(a, b) => a.holds(instance, tasks) || b.holds(instance, tasks),
        }
    }
}

/// As callers write it.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZoneIn(zones) => {
                write!(f, "attribute:{ATTRIBUTE_AVAILABILITY_ZONE} in [{}]", zones.join(", "))
            }
            Self::Has(name, value) => write!(f, "attribute:{name} == {value}"),
            Self::HasOther(name, value) => write!(f, "attribute:{name} != {value}"),
            Self::Exists(name) => write!(f, "attribute:{name} exists"),
            Self::Group(name) => write!(f, "task:group == {name}"),
            Self::RunsFewerThan(n) => write!(f, "runningTasksCount < {n}"),
            Self::Not(inner) => write!(f, "!({inner})"),
            Self::Both(a, b) => write!(f, "({a}) and ({b})"),
            Self::Either(a, b) => write!(f, "({a}) || ({b})"),
        }
    }
}
