//! `placementConstraints` of a task definition (ECS API Reference: TaskDefinitionPlacementConstraint): memberOf only, for
//! tasks of the EC2 launch type.

use super::Invalid;
use crate::tasks::CONSTRAINTS_MAX;
use core_place::Constraint;
use model::placement::PlacementConstraint;
use wire::ecs::{TaskDefinitionPlacementConstraint, TaskDefinitionPlacementConstraintType};

pub(super) fn parse(
    constraints: Option<Vec<TaskDefinitionPlacementConstraint>>,
) -> Result<Vec<PlacementConstraint>, Invalid> {
    let constraints = constraints.unwrap_or_default();
    if constraints.len() > CONSTRAINTS_MAX {
        return Err(Invalid::TooManyConstraints(CONSTRAINTS_MAX));
    }
    constraints.into_iter().map(constraint).collect()
}

fn constraint(constraint: TaskDefinitionPlacementConstraint) -> Result<PlacementConstraint, Invalid> {
    match constraint.r#type.ok_or(Invalid::ConstraintEmpty("type"))? {
        TaskDefinitionPlacementConstraintType::DistinctInstance => Err(Invalid::DistinctInstance),
        TaskDefinitionPlacementConstraintType::MemberOf => {
            let text = constraint.expression.filter(|text| !text.is_empty());
            let text = text.ok_or(Invalid::ConstraintEmpty("expression"))?;
            let constraint = PlacementConstraint::MemberOf(text);
            match Constraint::parse(&constraint) {
                Ok(_) => Ok(constraint),
                Err(error) => Err(Invalid::Expression(error.to_string())),
            }
        }
    }
}
