//! Account settings: PutAccountSetting, PutAccountSettingDefault, DeleteAccountSetting, ListAccountSettings.
//!
//! A setting that would change nothing here takes the one value that describes what Wharf does anyway.

use crate::page::Page;
use crate::{Ecs, Refusal};
use model::Scope;
use model::account_setting::{AccountSetting, BLOCKING, DEFAULT_LOG_DRIVER_MODE, NON_BLOCKING};
use store::State;
use wire::Cx;
use wire::ecs::{
    self, DeleteAccountSettingRequest, DeleteAccountSettingResponse, ListAccountSettingsRequest,
    ListAccountSettingsResponse, PutAccountSettingDefaultRequest, PutAccountSettingDefaultResponse,
    PutAccountSettingRequest, PutAccountSettingResponse, SettingType,
};

/// A setting that exists.
struct Known {
    name: &'static str,
    /// AWS's own value for who has not chosen.
    default: &'static str,
    /// The values that Wharf honours.
    values: &'static [&'static str],
}

const fn fixed(name: &'static str, value: &'static [&'static str; 1]) -> Known {
    Known { name, default: value[0], values: value }
}

/// Amazon ECS Developer Guide: account settings. By name.
const KNOWN: [Known; 11] = [
    // Interfaces are not limited by instance types here.
    fixed("awsvpcTrunking", &["disabled"]),
    fixed("containerInsights", &["disabled"]),
    fixed("containerInstanceLongArnFormat", &["enabled"]),
    Known { name: DEFAULT_LOG_DRIVER_MODE, default: NON_BLOCKING, values: &[BLOCKING, NON_BLOCKING] },
    fixed("fargateEventWindows", &["disabled"]),
    fixed("fargateFIPSMode", &["disabled"]),
    // Wharf retires no task.
    fixed("fargateTaskRetirementWaitPeriod", &["7"]),
    fixed("guardDutyActivate", &["off"]),
    fixed("serviceLongArnFormat", &["enabled"]),
    fixed("tagResourceAuthorization", &["off"]),
    fixed("taskLongArnFormat", &["enabled"]),
];

/// Settings of one page (ECS API Reference: ListAccountSettings).
const RESULTS_MAX: i32 = 10;

impl Ecs {
    /// PutAccountSetting: for the caller, or for another principal of the account.
    pub(crate) async fn put_account_setting(
        &self,
        cx: &Cx,
        input: PutAccountSettingRequest,
    ) -> Result<PutAccountSettingResponse, Refusal> {
        let principal = principal(cx, input.principal_arn)?;
        let setting = self.put_setting(cx, principal, input.name.as_str(), &input.value).await?;
        Ok(PutAccountSettingResponse { setting: Some(setting) })
    }

    /// PutAccountSettingDefault: for every principal of the account that has not chosen itself.
    pub(crate) async fn put_account_setting_default(
        &self,
        cx: &Cx,
        input: PutAccountSettingDefaultRequest,
    ) -> Result<PutAccountSettingDefaultResponse, Refusal> {
        let setting = self.put_setting(cx, root(&cx.scope), input.name.as_str(), &input.value).await?;
        Ok(PutAccountSettingDefaultResponse { setting: Some(setting) })
    }

    async fn put_setting(
        &self,
        cx: &Cx,
        principal_arn: String,
        name: &str,
        value: &str,
    ) -> Result<ecs::Setting, Refusal> {
        let known = known(name)?;
        if !known.values.contains(&value) {
            let values = known.values.join(" or ");
            return Err(Refusal::parameter(format!(
                "Wharf does not support the value '{value}' of the account setting {name}: it can be {values}."
            )));
        }
        let (scope, name, value) = (cx.scope.clone(), name.to_owned(), value.to_owned());
        let setting = AccountSetting { scope, principal_arn, name, value };
        self.store
            .commit(|tx| {
                tx.put(setting.clone());
                Ok(shown(&setting.principal_arn, &setting.name, &setting.value))
            })
            .await
    }

    /// DeleteAccountSetting: the account's default, or AWS's, holds again.
    pub(crate) async fn delete_account_setting(
        &self,
        cx: &Cx,
        input: DeleteAccountSettingRequest,
    ) -> Result<DeleteAccountSettingResponse, Refusal> {
        let principal = principal(cx, input.principal_arn)?;
        let name = known(input.name.as_str())?.name;
        let key = (cx.scope.clone(), principal.clone(), name.to_owned());
        self.store
            .commit(|tx| {
                tx.remove::<AccountSetting>(&key);
                let value = effective(tx, &cx.scope, &principal, name).unwrap_or_default();
                Ok(DeleteAccountSettingResponse { setting: Some(shown(&principal, name, value)) })
            })
            .await
    }

    /// ListAccountSettings: what a principal has chosen, or, with `effectiveSettings`, what holds for it.
    pub(crate) async fn list_account_settings(
        &self,
        cx: &Cx,
        input: ListAccountSettingsRequest,
    ) -> Result<ListAccountSettingsResponse, Refusal> {
        let wanted = input.name.as_ref().map(|name| name.as_str().to_owned());
        if wanted.is_none() && input.value.is_some() {
            return Err(Refusal::parameter("value can only be specified together with name."));
        }
        let principal = principal(cx, input.principal_arn)?;
        let effective_too = input.effective_settings.unwrap_or(false);
        let query = ("settings", &cx.scope, &principal, &wanted, &input.value, effective_too);
        let results_max = input.max_results.unwrap_or(RESULTS_MAX);
        if !(1..=RESULTS_MAX).contains(&results_max) {
            return Err(Refusal::parameter("maxResults should be between 1 and 10."));
        }
        let page = Page::open(query, input.next_token.as_deref(), Some(results_max))?;
        let state = self.store.snapshot();
        let settings: Vec<(String, String)> = match effective_too {
            true => KNOWN
                .iter()
                .map(|known| {
                    let value = effective(&state, &cx.scope, &principal, known.name);
                    (known.name.to_owned(), value.unwrap_or(known.default).to_owned())
                })
                .collect(),
            false => state
                .account_settings(&cx.scope, &principal)
                .map(|setting| (setting.name.clone(), setting.value.clone()))
                .collect(),
        };
        let matching = settings.into_iter().filter(|(name, value)| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
                && input.value.as_ref().is_none_or(|wanted| wanted == value)
                && page.after().is_none_or(|after| name.as_str() > after)
        });
        let (settings, next_token) = page.take(matching, |(name, _)| name.clone());
        let settings = settings.iter().map(|(name, value)| shown(&principal, name, value)).collect();
        Ok(ListAccountSettingsResponse { settings: Some(settings), next_token })
    }
}

/// What holds for a principal: its own choice, else the account's, else AWS's.
pub(crate) fn effective<'a>(
    state: &'a State,
    scope: &Scope,
    principal_arn: &str,
    name: &str,
) -> Option<&'a str> {
    let chosen = |principal: String| {
        let key = (scope.clone(), principal, name.to_owned());
        state.get::<AccountSetting>(&key).map(|setting| setting.value.as_str())
    };
    let default = || KNOWN.iter().find(|known| known.name == name).map(|known| known.default);
    chosen(principal_arn.to_owned()).or_else(|| chosen(root(scope))).or_else(default)
}

fn known(name: &str) -> Result<&'static Known, Refusal> {
    let found = KNOWN.iter().find(|known| known.name == name);
    found.ok_or_else(|| Refusal::unsupported(&format!("the account setting {name}")))
}

/// The principal that a request is about. It is of the caller's account.
fn principal(cx: &Cx, named: Option<String>) -> Result<String, Refusal> {
    let Some(arn) = named.filter(|arn| !arn.is_empty()) else { return Ok(cx.caller_arn.clone()) };
    match arn.strip_prefix(&format!("arn:aws:iam::{}:", cx.scope.account)) {
        Some(resource) if resource == "root" || resource.contains('/') => Ok(arn),
        _ => Err(Refusal::parameter("Invalid principal ARN.")),
    }
}

/// The account's own principal.
fn root(scope: &Scope) -> String {
    format!("arn:aws:iam::{}:root", scope.account)
}

fn shown(principal_arn: &str, name: &str, value: &str) -> ecs::Setting {
    ecs::Setting {
        name: name.parse().ok(),
        value: Some(value.to_owned()),
        principal_arn: Some(principal_arn.to_owned()),
        r#type: Some(SettingType::User),
    }
}
