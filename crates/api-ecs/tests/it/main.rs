//! The ECS API in process, over a store in memory. A row is a request in JSON, checked against AWS's model as the door
//! does it, and what has to be in the answer.

mod account_settings;
mod attributes;
mod batch;
mod capacity_providers;
mod clusters;
mod definitions;
mod draining;
mod echo;
mod filter;
mod honoured;
mod instances;
mod lists;
mod odd_input;
mod official_agent;
mod overrides;
mod placement;
mod protection;
mod random;
mod register;
mod reports;
mod rules;
mod run_task;
mod scale;
mod start_task;
mod stop;
mod tags;
mod world;
