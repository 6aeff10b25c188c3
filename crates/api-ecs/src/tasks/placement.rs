//! `placementConstraints` and `placementStrategy` of RunTask (ECS API Reference: PlacementConstraint, PlacementStrategy).

use crate::{Refusal, names};
use core_place::Constraint;
use model::placement::{BinpackField, PlacementConstraint, PlacementStrategy};
use model::task_definition::{LaunchType, TaskDefinition};
use serde::Serialize;
use wire::ecs::{self, PlacementConstraintType, PlacementStrategyType};

/// The most constraints of a task, those of its definition included, and the most rules of a strategy.
pub(crate) const CONSTRAINTS_MAX: usize = 10;
const STRATEGY_MAX: usize = 5;
/// What a built-in or custom attribute is called by in a strategy.
const ATTRIBUTE: &str = "attribute:";

/// Where the caller wants the tasks to go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Placement {
    pub constraints: Vec<PlacementConstraint>,
    pub strategy: Vec<PlacementStrategy>,
}

impl Placement {
    /// Reads both; every expression is one of the cluster query language.
    pub fn parse(
        constraints: Option<Vec<ecs::PlacementConstraint>>,
        strategy: Option<Vec<ecs::PlacementStrategy>>,
    ) -> Result<Placement, Refusal> {
        let (constraints, strategy) = (constraints.unwrap_or_default(), strategy.unwrap_or_default());
        check_count("placementConstraints", constraints.len(), CONSTRAINTS_MAX)?;
        check_count("placementStrategy", strategy.len(), STRATEGY_MAX)?;
        Ok(Placement {
            constraints: constraints.into_iter().map(constraint).collect::<Result<_, _>>()?,
            strategy: strategy.into_iter().map(rule).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the order says nothing of placement.
    pub fn is_empty(&self) -> bool {
        self.constraints.is_empty() && self.strategy.is_empty()
    }

    /// Holds it against the definition and what the tasks are to run on.
    pub fn check(&self, definition: &TaskDefinition, launch_type: LaunchType) -> Result<(), Refusal> {
        if launch_type == LaunchType::Fargate {
            return match (self.constraints.is_empty(), self.strategy.is_empty()) {
                (false, _) => Err(Refusal::FargatePlacement("constraints")),
                (true, false) => Err(Refusal::FargatePlacement("strategies")),
                (true, true) => Ok(()),
            };
        }
        let constraints = self.constraints.len() + definition.placement_constraints.len();
        check_count("placementConstraints", constraints, CONSTRAINTS_MAX)
    }

    /// The constraints of the order and those of the definition.
    pub fn constraints(&self, definition: &TaskDefinition) -> Result<Vec<Constraint>, Refusal> {
        let all = self.constraints.iter().chain(&definition.placement_constraints);
        all.map(|c| Constraint::parse(c).map_err(|error| Refusal::parameter(error.to_string()))).collect()
    }

    /// Whether the strategy needs a random number.
    pub fn is_random(&self) -> bool {
        self.strategy.contains(&PlacementStrategy::Random)
    }
}

fn constraint(constraint: ecs::PlacementConstraint) -> Result<PlacementConstraint, Refusal> {
    let expression = constraint.expression.filter(|text| !text.is_empty());
    match (constraint.r#type.ok_or(Refusal::Empty("placementConstraints.type"))?, expression) {
        (PlacementConstraintType::DistinctInstance, None) => Ok(PlacementConstraint::DistinctInstance),
        (PlacementConstraintType::DistinctInstance, Some(_)) => Err(Refusal::parameter(
            "An expression cannot be specified for a placement constraint of type 'distinctInstance'.",
        )),
        (PlacementConstraintType::MemberOf, None) => Err(Refusal::Empty("placementConstraints.expression")),
        (PlacementConstraintType::MemberOf, Some(text)) => {
            let constraint = PlacementConstraint::MemberOf(text);
            match Constraint::parse(&constraint) {
                Ok(_) => Ok(constraint),
                Err(error) => Err(Refusal::parameter(error.to_string())),
            }
        }
    }
}

/// The field of `random` is not used, as the API reference says.
fn rule(rule: ecs::PlacementStrategy) -> Result<PlacementStrategy, Refusal> {
    let field =
        || rule.field.clone().filter(|f| !f.is_empty()).ok_or(Refusal::Empty("placementStrategy.field"));
    match rule.r#type.ok_or(Refusal::Empty("placementStrategy.type"))? {
        PlacementStrategyType::Random => Ok(PlacementStrategy::Random),
        PlacementStrategyType::Binpack => {
            let field = field()?;
            let known = [("cpu", BinpackField::Cpu), ("memory", BinpackField::Memory)];
            let found = known.into_iter().find(|(name, _)| field.eq_ignore_ascii_case(name));
            let (_, by) = found.ok_or_else(|| invalid_field("binpack", &field))?;
            Ok(PlacementStrategy::Binpack(by))
        }
        PlacementStrategyType::Spread => {
            let field = field()?;
            match field.as_str() {
                "instanceId" | "host" => Ok(PlacementStrategy::Spread("instanceId".to_owned())),
                _ => match field.strip_prefix(ATTRIBUTE).filter(|name| names::is_attribute_name(name)) {
                    Some(name) => Ok(PlacementStrategy::Spread(name.to_owned())),
                    None => Err(invalid_field("spread", &field)),
                },
            }
        }
    }
}

fn invalid_field(kind: &str, field: &str) -> Refusal {
    let valid = match kind {
        "binpack" => "cpu or memory",
        _ => "instanceId, host, or attribute: and an attribute's name",
    };
    Refusal::parameter(format!(
        "Invalid field '{field}' for the placement strategy '{kind}': it should be {valid}."
    ))
}

fn check_count(what: &'static str, n: usize, most: usize) -> Result<(), Refusal> {
    if n > most { Err(Refusal::TooMany { what, most }) } else { Ok(()) }
}
