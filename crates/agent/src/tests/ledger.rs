//! The ledger on disk.

use super::task;
use crate::ledger::{FileLedger, Instance, Ledger, Record};
use core_task::run::State;
use model::Timestamp;
use std::fs;
use std::path::Path;

fn record() -> Record {
    let blueprint = crate::blueprint::Blueprint::read(&task("t1", "hello"), Path::new("/spool")).unwrap();
    let state = State::new(blueprint.spec, Timestamp(5)).unwrap();
    Record { task: task("t1", "hello"), state, boot_id: "b".to_owned(), over_at: None }
}

#[tokio::test]
async fn what_was_saved_is_there_for_the_next_agent() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = FileLedger::open(dir.path()).unwrap();
    assert_eq!(ledger.instance().await.unwrap(), None);
    let instance = Instance {
        cluster: "default".into(),
        arn: "arn".into(),
        availability_zone: Some("us-east-1b".into()),
        timeline: 7,
    };
    ledger.save_instance(&instance).await.unwrap();
    ledger.save_task("t1", &record()).await.unwrap();
    let again = FileLedger::open(dir.path()).unwrap();
    assert_eq!(again.instance().await.unwrap(), Some(instance));
    assert_eq!(again.tasks().await.unwrap(), [record()]);
    again.forget_task("t1").await.unwrap();
    again.forget_task("t1").await.unwrap();
    assert!(again.tasks().await.unwrap().is_empty());
}

#[tokio::test]
async fn several_tasks_are_saved_at_once_in_place_of_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = FileLedger::open(dir.path()).unwrap();
    let mut over = record();
    over.over_at = Some(Timestamp(9));
    ledger.save_task("t2", &record()).await.unwrap();
    ledger.save_tasks(&[("t1", &record()), ("t2", &over), ("t3", &over)]).await.unwrap();
    assert_eq!(ledger.tasks().await.unwrap(), [record(), over.clone(), over]);
    assert_eq!(fs::read_dir(dir.path().join("tasks")).unwrap().count(), 3);
    fs::remove_dir_all(dir.path().join("tasks")).unwrap();
    let error = ledger.save_tasks(&[("t1", &record())]).await.unwrap_err().to_string();
    assert!(error.contains("t1.json"), "{error}");
}

#[tokio::test]
async fn a_write_that_was_cut_short_is_swept_away() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = FileLedger::open(dir.path()).unwrap();
    ledger.save_task("t1", &record()).await.unwrap();
    let torn = dir.path().join("tasks/t1.new");
    fs::write(&torn, b"{\"format\":1,\"ta").unwrap();
    assert_eq!(ledger.tasks().await.unwrap(), [record()]);
    assert!(!torn.exists());
}

#[tokio::test]
async fn a_file_of_another_format_or_none_stops_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = FileLedger::open(dir.path()).unwrap();
    ledger.save_task("t1", &record()).await.unwrap();
    let path = dir.path().join("tasks/t1.json");
    let text = fs::read_to_string(&path).unwrap();
    for bad in [text.replace("\"format\":1", "\"format\":2"), "{}".into(), String::new()] {
        fs::write(&path, bad).unwrap();
        let error = ledger.tasks().await.unwrap_err().to_string();
        assert!(error.contains("t1.json"), "{error}");
    }
}
