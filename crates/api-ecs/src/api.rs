//! The generated trait, operation by operation; the files of the resources have the bodies.

use crate::Ecs;
use async_trait::async_trait;
use wire::ecs::*;
use wire::{ApiError, Cx};

macro_rules! delegate {
    ($($operation:ident($input:ty) -> $output:ty;)+) => {
        #[async_trait]
        impl Api for Ecs {
            $(async fn $operation(&self, cx: &Cx, input: $input) -> Result<$output, ApiError> {
                // The inherent method of the same name.
                Ok(Ecs::$operation(self, cx, input).await?)
            })+
        }
    };
}

delegate! {
    create_cluster(CreateClusterRequest) -> CreateClusterResponse;
    delete_cluster(DeleteClusterRequest) -> DeleteClusterResponse;
    describe_clusters(DescribeClustersRequest) -> DescribeClustersResponse;
    list_clusters(ListClustersRequest) -> ListClustersResponse;
    update_cluster(UpdateClusterRequest) -> UpdateClusterResponse;
    put_cluster_capacity_providers(PutClusterCapacityProvidersRequest) -> PutClusterCapacityProvidersResponse;

    create_capacity_provider(CreateCapacityProviderRequest) -> CreateCapacityProviderResponse;
    delete_capacity_provider(DeleteCapacityProviderRequest) -> DeleteCapacityProviderResponse;
    describe_capacity_providers(DescribeCapacityProvidersRequest) -> DescribeCapacityProvidersResponse;
    update_capacity_provider(UpdateCapacityProviderRequest) -> UpdateCapacityProviderResponse;

    register_task_definition(RegisterTaskDefinitionRequest) -> RegisterTaskDefinitionResponse;
    describe_task_definition(DescribeTaskDefinitionRequest) -> DescribeTaskDefinitionResponse;
    list_task_definitions(ListTaskDefinitionsRequest) -> ListTaskDefinitionsResponse;
    list_task_definition_families(ListTaskDefinitionFamiliesRequest) -> ListTaskDefinitionFamiliesResponse;
    deregister_task_definition(DeregisterTaskDefinitionRequest) -> DeregisterTaskDefinitionResponse;
    delete_task_definitions(DeleteTaskDefinitionsRequest) -> DeleteTaskDefinitionsResponse;

    run_task(RunTaskRequest) -> RunTaskResponse;
    start_task(StartTaskRequest) -> StartTaskResponse;
    stop_task(StopTaskRequest) -> StopTaskResponse;
    get_task_protection(GetTaskProtectionRequest) -> GetTaskProtectionResponse;
    update_task_protection(UpdateTaskProtectionRequest) -> UpdateTaskProtectionResponse;
    describe_tasks(DescribeTasksRequest) -> DescribeTasksResponse;
    list_tasks(ListTasksRequest) -> ListTasksResponse;

    register_container_instance(RegisterContainerInstanceRequest) -> RegisterContainerInstanceResponse;
    deregister_container_instance(DeregisterContainerInstanceRequest) -> DeregisterContainerInstanceResponse;
    describe_container_instances(DescribeContainerInstancesRequest) -> DescribeContainerInstancesResponse;
    list_container_instances(ListContainerInstancesRequest) -> ListContainerInstancesResponse;
    update_container_instances_state(UpdateContainerInstancesStateRequest) -> UpdateContainerInstancesStateResponse;
    update_container_agent(UpdateContainerAgentRequest) -> UpdateContainerAgentResponse;

    delete_attributes(DeleteAttributesRequest) -> DeleteAttributesResponse;
    list_attributes(ListAttributesRequest) -> ListAttributesResponse;
    put_attributes(PutAttributesRequest) -> PutAttributesResponse;

    delete_account_setting(DeleteAccountSettingRequest) -> DeleteAccountSettingResponse;
    list_account_settings(ListAccountSettingsRequest) -> ListAccountSettingsResponse;
    put_account_setting(PutAccountSettingRequest) -> PutAccountSettingResponse;
    put_account_setting_default(PutAccountSettingDefaultRequest) -> PutAccountSettingDefaultResponse;

    discover_poll_endpoint(DiscoverPollEndpointRequest) -> DiscoverPollEndpointResponse;
    submit_task_state_change(SubmitTaskStateChangeRequest) -> SubmitTaskStateChangeResponse;
    submit_container_state_change(SubmitContainerStateChangeRequest) -> SubmitContainerStateChangeResponse;
    submit_attachment_state_changes(SubmitAttachmentStateChangesRequest) -> SubmitAttachmentStateChangesResponse;

    tag_resource(TagResourceRequest) -> TagResourceResponse;
    untag_resource(UntagResourceRequest) -> UntagResourceResponse;
    list_tags_for_resource(ListTagsForResourceRequest) -> ListTagsForResourceResponse;
}
