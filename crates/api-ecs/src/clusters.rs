//! Clusters: Create-, Describe-, List-, Update- and DeleteCluster.

use crate::batch::each_once;
use crate::capacity::{check_cluster, cluster_providers, parse_strategy};
use crate::page::Page;
use crate::{Ecs, Refusal, convert, lookup, names, tags};
use model::arn;
use model::cluster::{Cluster, ClusterStatus};
use model::instance::InstanceStatus;
use model::{ClusterName, Scope};
use std::collections::BTreeMap;
use store::State;
use wire::Cx;
use wire::ecs::{
    ClusterField, ClusterSetting, CreateClusterRequest, CreateClusterResponse, DeleteClusterRequest,
    DeleteClusterResponse, DescribeClustersRequest, DescribeClustersResponse, ListClustersRequest,
    ListClustersResponse, UpdateClusterRequest, UpdateClusterResponse,
};

/// The most clusters of one DescribeClusters.
const CLUSTERS_MAX: usize = 100;
/// The one setting that there is, and its value when nobody sets it.
const CONTAINER_INSIGHTS: (&str, &str) = ("containerInsights", "disabled");
/// What CreateCluster and the like show without being asked to `include` it.
pub(crate) const SHOWN_ON_CHANGE: &[ClusterField] = &[ClusterField::Settings, ClusterField::Tags];

impl Ecs {
    /// CreateCluster: an ACTIVE cluster of this name is returned as it is, when the request fits it.
    pub(crate) async fn create_cluster(
        &self,
        cx: &Cx,
        input: CreateClusterRequest,
    ) -> Result<CreateClusterResponse, Refusal> {
        let name = input.cluster_name.as_deref().filter(|n| !n.is_empty());
        let name = names::cluster_name(name.unwrap_or(names::DEFAULT_CLUSTER))?;
        let asked_settings = input.settings.map(settings).transpose()?;
        let asked_tags = input.tags.map(|t| tags::parse(Some(t))).transpose()?;
        let asked_strategy = input.default_capacity_provider_strategy;
        let asked_strategy = asked_strategy.map(|s| parse_strategy(&cx.scope, Some(s))).transpose()?;
        let created_at = self.clock.now();
        self.store
            .commit(|tx| {
                let asked_providers = input.capacity_providers.as_deref();
                let asked_providers =
                    asked_providers.map(|p| cluster_providers(tx, &cx.scope, p)).transpose()?;
                let existing = tx.cluster(&cx.scope, &name).filter(|c| c.status == ClusterStatus::Active);
                if let Some(existing) = existing {
                    let fits = asked_settings.is_none_or(|s| s == existing.settings)
                        && asked_tags.is_none_or(|t| t == existing.tags)
                        && asked_providers.is_none_or(|p| p == existing.capacity_providers)
                        && asked_strategy.is_none_or(|s| s == existing.default_capacity_provider_strategy);
                    if !fits {
                        return Err(Refusal::ClusterExistsOtherwise);
                    }
                } else {
                    let providers = asked_providers.unwrap_or_default();
                    let strategy = asked_strategy.unwrap_or_default();
                    check_cluster(&strategy, &providers)?;
                    tx.put(Cluster {
                        scope: cx.scope.clone(),
                        name: name.clone(),
                        status: ClusterStatus::Active,
                        tags: asked_tags.unwrap_or_default(),
                        settings: asked_settings.unwrap_or_else(default_settings),
                        capacity_providers: providers,
                        default_capacity_provider_strategy: strategy,
                        created_at,
                    });
                }
                let cluster = lookup::cluster(tx, &cx.scope, &name)?;
                Ok(CreateClusterResponse { cluster: Some(convert::cluster(tx, cluster, SHOWN_ON_CHANGE)) })
            })
            .await
    }

    /// DescribeClusters. Without names, the default cluster is meant.
    pub(crate) async fn describe_clusters(
        &self,
        cx: &Cx,
        input: DescribeClustersRequest,
    ) -> Result<DescribeClustersResponse, Refusal> {
        let clusters = input.clusters.filter(|c| !c.is_empty());
        let clusters = clusters.unwrap_or_else(|| vec![names::DEFAULT_CLUSTER.to_owned()]);
        let named =
            each_once("clusters", CLUSTERS_MAX, &clusters, |text| names::cluster(&cx.scope, Some(text)))?;
        let include = input.include.unwrap_or_default();
        let state = self.store.snapshot();
        let (mut clusters, mut failures) = (Vec::new(), Vec::new());
        for (_, name) in named {
            match state.cluster(&cx.scope, &name) {
                Some(cluster) => clusters.push(convert::cluster(&state, cluster, &include)),
                None => failures.push(convert::missing(arn::cluster(&cx.scope, &name))),
            }
        }
        Ok(DescribeClustersResponse { clusters: Some(clusters), failures: Some(failures) })
    }

    /// ListClusters: the ACTIVE ones, by name.
    pub(crate) async fn list_clusters(
        &self,
        cx: &Cx,
        input: ListClustersRequest,
    ) -> Result<ListClustersResponse, Refusal> {
        let page = Page::open(("clusters", &cx.scope), input.next_token.as_deref(), input.max_results)?;
        let state = self.store.snapshot();
        let active = state.clusters(&cx.scope).filter(|c| c.status == ClusterStatus::Active);
        let rest = active.skip_while(|c| page.after().is_some_and(|after| c.name.as_str() <= after));
        let (clusters, next_token) = page.take(rest, |c| c.name.to_string());
        let arns = clusters.into_iter().map(|c| arn::cluster(&c.scope, &c.name)).collect();
        Ok(ListClustersResponse { cluster_arns: Some(arns), next_token })
    }

    /// UpdateCluster.
    pub(crate) async fn update_cluster(
        &self,
        cx: &Cx,
        input: UpdateClusterRequest,
    ) -> Result<UpdateClusterResponse, Refusal> {
        let name = names::cluster(&cx.scope, Some(&input.cluster))?;
        let settings = input.settings.map(settings).transpose()?;
        self.store
            .commit(|tx| {
                lookup::active_cluster(tx, &cx.scope, &name)?;
                if let Some(settings) = settings {
                    let key = (cx.scope.clone(), name.clone());
                    tx.update(&key, |cluster: &mut Cluster| cluster.settings.extend(settings));
                }
                let cluster = lookup::cluster(tx, &cx.scope, &name)?;
                Ok(UpdateClusterResponse { cluster: Some(convert::cluster(tx, cluster, SHOWN_ON_CHANGE)) })
            })
            .await
    }

    /// DeleteCluster: refused while anything in it lives; INACTIVE afterwards, and still described.
    pub(crate) async fn delete_cluster(
        &self,
        cx: &Cx,
        input: DeleteClusterRequest,
    ) -> Result<DeleteClusterResponse, Refusal> {
        let name = names::cluster(&cx.scope, Some(&input.cluster))?;
        self.store
            .commit(|tx| {
                lookup::cluster(tx, &cx.scope, &name)?;
                check_empty(tx, &cx.scope, &name)?;
                let key = (cx.scope.clone(), name.clone());
                tx.update(&key, |cluster: &mut Cluster| cluster.status = ClusterStatus::Inactive);
                let cluster = lookup::cluster(tx, &cx.scope, &name)?;
                Ok(DeleteClusterResponse { cluster: Some(convert::cluster(tx, cluster, SHOWN_ON_CHANGE)) })
            })
            .await
    }
}

fn check_empty(state: &State, scope: &Scope, name: &ClusterName) -> Result<(), Refusal> {
    if state.instances(scope, name).any(|i| i.status != InstanceStatus::Inactive) {
        return Err(Refusal::ClusterContainsInstances);
    }
    match state.active_tasks(scope, name).next() {
        Some(_) => Err(Refusal::ClusterContainsTasks),
        None => Ok(()),
    }
}

fn settings(settings: Vec<ClusterSetting>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut parsed = default_settings();
    for setting in settings {
        let name = setting.name.ok_or(Refusal::ClusterSetting("name"))?;
        let value = match setting.value.as_deref() {
            Some(value @ "disabled") => value.to_owned(),
            Some(value @ ("enabled" | "enhanced")) => {
                return Err(Refusal::unsupported(&format!("{name} '{value}'")));
            }
            _ => return Err(Refusal::ClusterSetting("value")),
        };
        parsed.insert(name.to_string(), value);
    }
    Ok(parsed)
}

fn default_settings() -> BTreeMap<String, String> {
    let (name, value) = CONTAINER_INSIGHTS;
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}
