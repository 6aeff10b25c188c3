//! Where a host is, and what its agent says of it: zone, rack, Auto Scaling group, instance type.

use crate::dice::Dice;
use crate::world::World;
use agent::AgentConfig;
use model::instance::ATTRIBUTE_AUTO_SCALING_GROUP;
use std::collections::BTreeMap;

/// A custom attribute that most hosts have.
pub const RACK: &str = "rack";
/// Its values.
pub const RACKS: [&str; 3] = ["r1", "r2", "r10"];
/// Auto Scaling groups; a host may be of none.
pub const GROUPS: [&str; 2] = ["metal", "spare"];
/// The attribute of an instance's type.
pub const INSTANCE_TYPE: &str = "ecs.instance-type";
/// The one type that limits how many tasks have an interface of their own, and to how many (Amazon ECS Developer Guide: a
/// c5.large has three interfaces, of which one is its own).
pub const LIMITED: (&str, usize) = ("c5.large", 2);

/// A site.
pub struct Site {
    zone: Option<String>,
    serves_fargate: bool,
    attributes: BTreeMap<String, String>,
}

impl Site {
    /// The site of the host with this number.
    pub fn draw(seed: u64, index: usize) -> Self {
        let dice = Dice::new(seed, &format!("site {index}"));
        let letter = ["a", "b", "c"][index % 3];
        let zone = match dice.weighted(&[8, 1, 1]) {
            0 => Some(format!("{}{letter}", World::REGION)),
            1 => Some("cellar".to_owned()),
            _ => None,
        };
        let mut attributes = BTreeMap::new();
        let mut say = |name: &str, value: Option<&&str>| {
            value.map(|value| attributes.insert(name.to_owned(), (*value).to_owned()));
        };
        say(RACK, dice.choose(&RACKS).filter(|_| !dice.one_in(4)));
        say(ATTRIBUTE_AUTO_SCALING_GROUP, dice.choose(&GROUPS).filter(|_| dice.one_in(2)));
        say(INSTANCE_TYPE, Some(&LIMITED.0).filter(|_| dice.one_in(6)));
        Self { zone, serves_fargate: index.is_multiple_of(2), attributes }
    }

    /// What the agent there is told when it is started.
    pub fn describe(&self, config: AgentConfig) -> AgentConfig {
        AgentConfig {
            availability_zone: self.zone.clone(),
            any_zone: false,
            serves_fargate: self.serves_fargate,
            attributes: self.attributes.clone(),
            ..config
        }
    }
}
