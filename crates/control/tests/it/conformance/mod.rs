//! The server's side of the protocol against an agent that behaves as the official one, message by message.

pub(crate) mod acs;
mod malformed;
mod reports;
mod spoilt;
mod telemetry;
mod transport;

use crate::agent::Agent as Session;
use crate::world::World;
use ::acs::link::AcsQuery;
use testkit::strict::{Payload, ServerMessage};
use testkit::{Agent, Desired};

const CLUSTER_ARN: &str = "arn:aws:ecs:us-east-1:000000000000:cluster/default";

fn task_arn(id: &str) -> String {
    format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}")
}

async fn world() -> World {
    let world = World::new();
    world.put_instance("i1").await;
    world
}

/// What the official agent says of itself when it opens a link; `first` since its start.
fn query(first: bool) -> AcsQuery {
    AcsQuery {
        cluster: "default".into(),
        container_instance_arn: crate::world::arn("i1"),
        agent_version: "1.105.1".into(),
        agent_hash: "a8b3e7d3".into(),
        docker_version: "DockerVersion: 20.10.24+dfsg1".into(),
        protocol_version: 2,
        send_credentials: first,
    }
}

/// Opens a link in the agent's name.
async fn open(world: &World, first: bool) -> Session {
    Session::open(world, "i1", query(first)).await
}

/// Opens a link, and takes the manifest that comes first.
async fn connect(world: &World, agent: &mut Agent) -> Session {
    let mut link = open(world, false).await;
    let message = link.step(agent).await;
    assert!(matches!(message, ServerMessage::Manifest(_)), "{message:?}");
    link
}

/// The next message, which is a payload that the agent answers.
async fn payload(link: &mut Session, agent: &mut Agent) -> Payload {
    match link.step(agent).await {
        ServerMessage::Payload(payload) => *payload,
        other => panic!("expected a payload, not {other:?}"),
    }
}

/// A task that the agent has accepted.
async fn accepted(world: &World, link: &mut Session, agent: &mut Agent, id: &str) -> Payload {
    world.run_host_task(id, "i1").await;
    let payload = payload(link, agent).await;
    assert_eq!(agent.tasks.get(&task_arn(id)), Some(&Desired::Running));
    world.eventually("accepted", |w| w.task(id).times.connectivity_at.is_some()).await;
    payload
}
