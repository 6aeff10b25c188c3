//! DescribeCapacityProviders.

use crate::batch::each_once;
use crate::page::Page;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::arn;
use model::capacity_provider::{FARGATE, FARGATE_SPOT};
use std::collections::BTreeMap;
use wire::Cx;
use wire::ecs::{
    CapacityProvider, CapacityProviderField, DescribeCapacityProvidersRequest,
    DescribeCapacityProvidersResponse,
};

/// The most capacity providers to name, and of one page (ECS API Reference: DescribeCapacityProviders).
const NAMED_MAX: usize = 100;
const RESULTS_MAX: i32 = 10;

impl Ecs {
    /// DescribeCapacityProviders: those that are named, or all, with the two that nobody created; by name. What is not
    /// there is in `failures[]` of the first page.
    pub(crate) async fn describe_capacity_providers(
        &self,
        cx: &Cx,
        input: DescribeCapacityProvidersRequest,
    ) -> Result<DescribeCapacityProvidersResponse, Refusal> {
        let asked = input.capacity_providers.unwrap_or_default();
        let read = |text: &str| names::capacity_provider(&cx.scope, text);
        let asked = each_once("capacityProviders", NAMED_MAX, &asked, read)?;
        let asked: Vec<String> = asked.into_iter().map(|(_, name)| name).collect();
        let cluster =
            input.cluster.as_deref().map(|text| names::cluster(&cx.scope, Some(text))).transpose()?;
        let query = ("capacity providers", &cx.scope, &asked, &cluster);
        let page = Page::of_at_most(RESULTS_MAX, query, input.next_token.as_deref(), input.max_results)?;
        let with_tags = input.include.unwrap_or_default().contains(&CapacityProviderField::Tags);
        let state = self.store.snapshot();
        let mut known: BTreeMap<String, CapacityProvider> = [FARGATE, FARGATE_SPOT]
            .map(|name| (name.to_owned(), convert::built_in_capacity_provider(&cx.scope, name)))
            .into();
        let created = state.capacity_providers(&cx.scope);
        known.extend(created.map(|p| (p.name.clone(), convert::capacity_provider(p, with_tags))));
        if let Some(cluster) = cluster {
            let associated = &lookup::cluster(&state, &cx.scope, &cluster)?.capacity_providers;
            known.retain(|name, _| associated.contains(name));
        }
        let missing = asked.iter().filter(|name| page.after().is_none() && !known.contains_key(*name));
        let failures =
            missing.map(|name| convert::missing(arn::capacity_provider(&cx.scope, name))).collect();
        known.retain(|name, _| {
            (asked.is_empty() || asked.contains(name))
                && page.after().is_none_or(|after| name.as_str() > after)
        });
        let (shown, next_token) = page.take(known, |(name, _)| name.clone());
        Ok(DescribeCapacityProvidersResponse {
            capacity_providers: Some(shown.into_iter().map(|(_, provider)| provider).collect()),
            failures: Some(failures),
            next_token,
        })
    }
}
