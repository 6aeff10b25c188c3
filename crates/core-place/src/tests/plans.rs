//! Whole plans, in the language of [`super::cluster`]: `|` is where no host was left.

use super::cluster::plan;
use expect_test::{Expect, expect};

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&plan(text));
}

#[test]
fn the_default_spreads_over_zones_then_instances() {
    check(
        "
            i1 zone=a
            i2 zone=a
            i3 zone=b
            i4 zone=c running=web
            run 9
            run 3 fargate
        ",
        expect![[r#"
            i1 i3 i2 i4 i3 i1 i4 i3 i2
            i1 i4 i3
        "#]],
    );
}

#[test]
fn spread_over_zones_counts_tasks_of_the_group_alone() {
    check(
        "
            i1 zone=a running=db:5
            i2 zone=b running=web:2
            run 4 strategy=spread(zone)
            run 4 strategy=spread(zone) group=db
        ",
        expect![[r#"
            i1 i1 i2 i1
            i2 i2 i2 i2
        "#]],
    );
}

#[test]
fn spread_over_zones_goes_on_when_a_zone_is_full() {
    check(
        "
            i1 zone=a cpu=512
            i2 zone=b
            i3 zone=b
            run 8 strategy=spread(zone)
        ",
        expect![[r#"
            i1 i2 i3 i1 i2 i3 i2 i3
        "#]],
    );
}

#[test]
fn hosts_without_the_attribute_are_a_zone_of_their_own() {
    check(
        "
            i1 zone=a
            i2
            i3
            run 5 strategy=spread(zone)
        ",
        expect![[r#"
            i1 i2 i3 i1 i2
        "#]],
    );
}

#[test]
fn spread_over_instances_whatever_their_zone() {
    check(
        "
            i1 zone=a
            i2 zone=a
            i3 zone=b running=web:2
            run 5 strategy=spread(instanceId)
            run 3 strategy=spread(host) group=other
        ",
        expect![[r#"
            i1 i2 i1 i2 i3
            i1 i2 i3
        "#]],
    );
}

#[test]
fn spread_over_any_attribute_within_the_one_before() {
    check(
        "
            i1 zone=a rack=1
            i2 zone=a rack=2
            i3 zone=a rack=2
            i4 zone=b rack=1
            run 8 strategy=spread(zone),spread(rack)
            run 8 strategy=spread(rack),spread(zone) group=new
        ",
        expect![[r#"
            i1 i4 i2 i4 i3 i4 i1 i4
            i2 i1 i4 i3 i1 i2 i4 i3
        "#]],
    );
}

#[test]
fn binpack_leaves_the_least() {
    check(
        "
            i1 cpu=2048 mem=2048
            i2 cpu=1024 mem=4096
            i3 cpu=512  mem=8192
            run 5 strategy=binpack(cpu)
            run 3 strategy=binpack(memory)
        ",
        expect![[r#"
            i3 i3 i2 i2 i2
            i1 i1 i1
        "#]],
    );
}

#[test]
fn binpack_breaks_ties_by_the_next_rule_then_by_id() {
    check(
        "
            i1 cpu=1024 mem=4096
            i2 cpu=1024 mem=2048
            i3 cpu=1024 mem=2048
            run 3 strategy=binpack(cpu),binpack(memory)
        ",
        expect![[r#"
            i2 i2 i2
        "#]],
    );
}

#[test]
fn spread_over_zones_and_pack_within_each() {
    check(
        "
            i1 zone=a mem=8192
            i2 zone=a mem=4096
            i3 zone=b mem=8192
            i4 zone=b mem=2048
            run 8 strategy=spread(zone),binpack(memory)
        ",
        expect![[r#"
            i4 i2 i4 i2 i4 i2 i4 i2
        "#]],
    );
}

#[test]
fn pack_first_and_spread_what_is_equal() {
    check(
        "
            i1 zone=a cpu=1024
            i2 zone=b cpu=1024
            i3 zone=b cpu=2048
            run 9 strategy=binpack(cpu),spread(zone)
        ",
        expect![[r#"
            i1 i1 i1 i1 i2 i2 i2 i2 i3
        "#]],
    );
}

#[test]
fn random_follows_from_the_seed() {
    check(
        "
            i1
            i2
            i3
            i4 zone=b running=web:9
            run 12 strategy=random
            run 12 strategy=random seed=7
            run 6 strategy=spread(zone),random seed=1 group=new
        ",
        expect![[r#"
            i4 i2 i1 i4 i1 i2 i1 i4 i1 i4 i2 i4
            i2 i1 i4 i3 i2 i1 i2 i2 i1 i2 i1 i4
            i3 i4 i4 i2 i2 i4
        "#]],
    );
}

#[test]
fn each_on_an_instance_of_its_own() {
    check(
        "
            i1
            i2 running=db
            i3 running=web
            run 3 distinct
            run 3 distinct group=db strategy=binpack(memory)
        ",
        expect![[r#"
            i1 i2 | 1 refused: a task of the group is already there on 3
            i1 i3 | 1 refused: a task of the group is already there on 3
        "#]],
    );
}

/// AWS: placement looks at the desired status of tasks.
#[test]
fn a_task_that_is_to_stop_counts_for_its_group_no_longer_and_keeps_what_it_has() {
    check(
        "
            i1 cpu=250 stopping=web,db
            i2 running=web
            i3 stopping=web:2
            run 3 distinct cpu=100
            run 2 cpu=10 where task:group == db
            run 1 cpu=10 strategy=spread(instanceId)
        ",
        expect![[r#"
            i3 | 2 refused: too little CPU left on 1 (RESOURCE:CPU), a task of the group is already there on 2
            | 2 refused: a memberOf constraint is not met on 3
            i1
        "#]],
    );
}

#[test]
fn members_of_what_an_expression_says() {
    check(
        "
            i1 type=t2.small zone=a
            i2 type=t2.small zone=b running=db
            i3 type=g2.2xlarge zone=a
            i4 cpu=100
            run 2 where attribute:ecs.instance-type =~ t2.*
            run 2 where task:group == db
            run 3 strategy=binpack(cpu) where not(task:group == web) and attribute:ecs.availability-zone exists
            run 1 where attribute:rack == 1
        ",
        expect![[r#"
            i1 i2
            i2 i2
            i3 | 2 refused: too little CPU left on 1 (RESOURCE:CPU), a memberOf constraint is not met on 3
            | 1 refused: too little CPU left on 1 (RESOURCE:CPU), a memberOf constraint is not met on 3
        "#]],
    );
}

#[test]
fn instances_with_the_same_attributes_may_differ_in_the_rest() {
    check(
        "
            i1 version=1.90.0
            i2 version=1.80.0
            i3 version=1.90.0 away
            run 3 where agentVersion >= 1.85.0
            run 3 where agentVersion < 1.85.0
        ",
        expect![[r#"
            i1 i1 i1
            i2 i2 i2
        "#]],
    );
}

#[test]
fn an_expression_about_tasks_is_asked_again_for_each_task() {
    check(
        "
            i1 running=db
            i2
            run 3 group=db where not(task:group == db)
            run 2 where runningTasksCount == 0
        ",
        expect![[r#"
            i2 | 2 refused: a memberOf constraint is not met on 2
            i2 i2
        "#]],
    );
}

#[test]
fn tasks_of_fargate_are_not_seen_on_the_instance_that_runs_them() {
    check(
        "
            i1 fargate=web:3
            i2 running=db
            run 1 where runningTasksCount == 0
            run 1 where task:group == web
            run 2 strategy=spread(instanceId)
        ",
        expect![[r#"
            i1
            i1
            i2 i2
        "#]],
    );
}

#[test]
fn network_interfaces_end_where_the_type_says() {
    check(
        "
            i1 type=c5.large
            i2 type=c5.large trunk=eni-1 zone=b
            i3 type=my.own
            run 4 awsvpc cpu=1 mem=1 strategy=binpack(cpu) where attribute:ecs.instance-type == c5.large and attribute:ecs.awsvpc-trunk-id !exists
            run 12 awsvpc cpu=1 mem=1 strategy=binpack(cpu) where attribute:ecs.availability-zone == b
            run 15 awsvpc cpu=1 mem=1 strategy=binpack(cpu) where attribute:ecs.instance-type == my.own
            run 1 cpu=1 mem=1 where attribute:ecs.instance-type == c5.large
        ",
        expect![[r#"
            i1 i1 | 2 refused: no network interface left on 1 (RESOURCE:ENI), a memberOf constraint is not met on 2
            i2 i2 i2 i2 i2 i2 i2 i2 i2 i2 | 2 refused: no network interface left on 2 (RESOURCE:ENI), a memberOf constraint is not met on 1
            i3 i3 i3 i3 i3 i3 i3 i3 i3 i3 i3 i3 i3 i3 i3
            i2
        "#]],
    );
}

#[test]
fn an_instance_takes_tasks_with_a_subnet_in_its_zone() {
    check(
        "
            i1 zone=a
            i2 zone=b
            run 3 awsvpc nosubnet=a
            run 2 awsvpc nosubnet=a,b group=other
            run 1 awsvpc nosubnet=a mem=9000
            run 2 fargate nosubnet=b
        ",
        expect![[r#"
            i2 i2 i2
            | 2 refused: no subnet of the task is in its Availability Zone on 2 (LOCATION)
            | 1 refused: no subnet of the task is in its Availability Zone on 1 (LOCATION), too little memory left on 1 (RESOURCE:MEMORY)
            i1 i1
        "#]],
    );
    // A zone of the owner's own, and none.
    check(
        "
            i1 zone=rack-7
            i2
            i3 zone=a anyzone
            i4 zone=a
            run 4 awsvpc nosubnet=a,b strategy=spread(instanceId)
        ",
        expect![[r#"
            i1 i2 i3 i1
        "#]],
    );
}

#[test]
fn gpus_are_given_by_id_and_to_one_task_each() {
    check(
        "
            i1 gpus=g1+g2+g3
            i2 gpus=g4
            i3
            run 4 gpus=2
            run 3 gpus=1
        ",
        expect![[r#"
            i1(g1+g2) | 3 refused: too few GPUs left on 3 (RESOURCE:GPU)
            i2(g4) i1(g3) | 1 refused: too few GPUs left on 3 (RESOURCE:GPU)
        "#]],
    );
}

#[test]
fn a_host_port_is_taken_once() {
    check(
        "
            i1
            i2 reserved=80
            i3
            run 3 tcp=80
            run 4 udp=80 tcp=81
        ",
        expect![[r#"
            i1 i3 | 1 refused: a required port is in use on 3 (RESOURCE:PORTS)
            i2 i1 i3 | 1 refused: a required port is in use on 3 (RESOURCE:PORTS)
        "#]],
    );
}

#[test]
fn what_drains_or_is_away_takes_nothing_and_what_is_deregistered_is_not_asked() {
    check(
        "
            i1 draining
            i2 away
            i3 deregistered
            i4 cpu=300
            run 2
        ",
        expect![[r#"
            i4 | 1 refused: not ACTIVE on 1 (INACTIVE), agent not connected on 1 (AGENT), too little CPU left on 1 (RESOURCE:CPU)
        "#]],
    );
}

#[test]
fn an_auto_scaling_group_s_instances_alone_are_asked() {
    check(
        "
            i1 asg=x cpu=300
            i2 asg=y
            i3
            run 2 asg=x
            run 1 asg=y
            run 1 asg=z
        ",
        expect![[r#"
            i1 | 1 refused: too little CPU left on 1 (RESOURCE:CPU)
            i2
            | 1 refused: there is none
        "#]],
    );
}

#[test]
fn resources_are_asked_before_constraints() {
    check(
        "
            i1 running=web cpu=200 rack=1
            i2 running=web rack=1
            i3
            run 1 distinct where attribute:rack == 1
        ",
        expect![[r#"
            | 1 refused: too little CPU left on 1 (RESOURCE:CPU), a memberOf constraint is not met on 1, a task of the group is already there on 1
        "#]],
    );
}
