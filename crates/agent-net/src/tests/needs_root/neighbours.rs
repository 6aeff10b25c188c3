//! Two Wharfs in one network namespace.

use super::{attach, config, on_own_host, spec};
use crate::{HostNetwork, HostNetworkConfig, OpenError};

#[test]
fn needs_root_another_wharf_is_left_alone() {
    on_own_host("neighbours::needs_root_another_wharf_is_left_alone", |first| async move {
        let second =
            HostNetworkConfig { state_dir: first.state_dir.with_file_name("second"), ..first.clone() };
        let network = HostNetwork::open(first.clone()).await.unwrap();
        let task = attach(&network, &spec("t1", 0, 4)).await;
        let refused = HostNetwork::open(second.clone()).await.unwrap_err();
        assert!(
            matches!(&refused, OpenError::OtherWharf { owner, .. } if *owner == first.state_dir),
            "{refused}"
        );
        drop(network);
        // Its agent may be away: its tasks run on.
        HostNetwork::teardown(second.clone()).await.unwrap();
        assert!(task.exists());
        let again = HostNetwork::open(first.clone()).await.unwrap();
        assert_eq!(attach(&again, &spec("t1", 0, 4)).await, task, "its network is still whole");
        drop(again);
        HostNetwork::teardown(first).await.unwrap();
        drop(HostNetwork::open(second.clone()).await.unwrap());
        HostNetwork::teardown(second).await.unwrap();
    });
}

#[test]
fn needs_root_what_a_wharf_without_a_directory_left_is_taken_over() {
    on_own_host(
        "neighbours::needs_root_what_a_wharf_without_a_directory_left_is_taken_over",
        |first| async move {
            let gone = HostNetworkConfig { pool_size: 0, ..first.clone() };
            drop(HostNetwork::open(gone.clone()).await.unwrap());
            std::fs::remove_dir_all(&gone.state_dir).unwrap();
            let second = config(&first.state_dir.with_file_name("second"));
            drop(HostNetwork::open(second.clone()).await.unwrap());
            HostNetwork::teardown(second).await.unwrap();
        },
    );
}
