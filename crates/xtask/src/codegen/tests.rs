use std::path::Path;

use serde_json::json;

use super::config::{Config, Service};
use super::coverage;
use super::emit;
use super::model::Model;
use super::plan::Plan;

/// A service with one operation, whose input has a nested structure, and one that is not implemented.
fn model() -> Model {
    serde_json::from_value(json!({
        "metadata": {
            "apiVersion": "2020-01-01", "endpointPrefix": "demo", "protocol": "json", "jsonVersion": "1.1",
            "serviceFullName": "Demo", "targetPrefix": "Demo",
        },
        "operations": { "Do": { "input": { "shape": "DoRequest" }, "documentation": "prose" }, "Undo": {} },
        "shapes": {
            "DoRequest": {
                "type": "structure", "required": ["part"],
                "members": { "part": { "shape": "Part" }, "other": { "shape": "Unused" } },
            },
            "Part": { "type": "structure", "members": { "mode": { "shape": "Mode" }, "type": { "shape": "Text" } } },
            "Mode": { "type": "string", "enum": ["FAST", "very-slow"], "documentation": "prose" },
            "Text": { "type": "string", "max": 3.0 },
            "Unused": { "type": "blob" },
            "Gone": { "type": "structure", "members": {}, "exception": true, "fault": true },
        },
    }))
    .expect("the model has the form of botocore's")
}

fn service(honoured: &str) -> Service {
    let text = format!(
        "botocore = \"1\"\n[demo]\nmodel = \"demo/1\"\ninvalid = \"I\"\nunsupported = \"U\"\noperations = [\"Do\"]\n\
         [demo.honoured]\n{honoured}"
    );
    let mut config: Config = toml::from_str(&text).expect("the text has the form of operations.toml");
    config.services.remove("demo").expect("the text has the service")
}

fn refusal(honoured: &str) -> String {
    match Plan::new("demo", &service(honoured), &model()) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn committed_files_are_fresh() {
    super::check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")))
        .expect("run `cargo xtask codegen`");
}

#[test]
fn the_two_files_must_fit_together() {
    assert_eq!(refusal("DoRequest = [\"part\"]"), "operations.toml does not say what is honoured of Part");
    assert_eq!(refusal("DoRequest = [\"gone\"]\nPart = \"*\""), "honoured.DoRequest: no member gone");
    assert_eq!(
        refusal("DoRequest = []\nPart = \"*\""),
        "honoured.Part is not reachable from an implemented input"
    );
    assert_eq!(refusal("Nothing = \"*\""), "no shape Nothing in the model");
    assert_eq!(refusal("DoRequest = [\"part\"]\nPart = [\"mode\", \"type=x\"]"), "accepted");
}

#[test]
fn what_the_model_leaves_out_is_added() {
    let complete = |name: &str, value: &str| {
        let mut model = model();
        let added = model.complete(&[(name.to_owned(), vec![value.to_owned()])].into());
        added.map(|()| model.shapes[name].values.clone()).map_err(|error| error.to_string())
    };
    assert_eq!(complete("Mode", "none"), Ok(["FAST", "very-slow", "none"].map(str::to_owned).to_vec()));
    assert_eq!(complete("Mode", "FAST"), Err("unlisted.Mode: the model lists FAST itself".to_owned()));
    let neither = "unlisted.Text is no enum and no structure of the model";
    assert_eq!(complete("Text", "x"), Err(neither.to_owned()));
    assert_eq!(complete("Part", "mode"), Err("unlisted.Part: the model lists mode itself".to_owned()));
    let mut model = model();
    model.complete(&[("Part".to_owned(), vec!["token".to_owned()])].into()).expect("a structure");
    assert_eq!(model.shapes["Part"].members["token"].shape, "String");
}

#[test]
fn traits_that_would_be_lost_are_refused() {
    let service = service("DoRequest = [\"part\"]\nPart = \"*\"");
    for (change, expected) in [
        (json!({ "type": "structure", "union": true }), "shape Part: the generator does not know union yet"),
        (
            json!({ "type": "structure", "members": { "mode": { "shape": "Mode", "locationName": "M" } } }),
            "shape Part: the generator does not know locationName yet",
        ),
    ] {
        let mut model = model();
        let part = serde_json::from_value(change).expect("a shape");
        model.shapes.insert("Part".to_owned(), part);
        let error = Plan::new("demo", &service, &model).err().expect("the shape is refused");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_service_is_printed() {
    let (model, service) = (model(), service("DoRequest = [\"part\"]\nPart = [\"mode\", \"type=x\"]"));
    let plan = Plan::new("demo", &service, &model).expect("the two files fit together");
    let files = emit::service(&plan).expect("every shape is known");
    let file = |name: &str| files.iter().find(|(file, _)| file == name).map_or("", |(_, text)| text);
    assert!(file("requests.rs").contains("pub part: Part,"), "{}", file("requests.rs"));
    assert!(!file("requests.rs").contains("other"));
    assert!(file("responses.rs").contains("pub struct DoResponse {}"));
    assert!(file("enums.rs").contains("VerySlow = \"very-slow\","));
    assert!(file("error.rs").contains("ApiError::new(\"Gone\", 500, message)"));
    assert!(file("schema.rs").contains("Member::refused(\"type\", &[\"x\"])"), "{}", file("schema.rs"));
    assert!(file("operations.rs").contains("\"Undo\","));
    let page = coverage::page(&plan);
    assert!(
        page.contains("1 of 2 operations") && page.contains("| Part | mode | type (but `x`) |"),
        "{page}"
    );
}

#[test]
fn trimming_drops_prose_and_what_nobody_reaches() {
    let trimmed = model().trim(&["Do".to_owned()]).expect("the operation is in the model");
    let text = serde_json::to_string(&trimmed).expect("a model is JSON");
    assert!(!text.contains("prose"));
    assert!(trimmed.operations.contains_key("Undo") && trimmed.shapes.contains_key("Gone"));
    assert!(model().trim(&["Redo".to_owned()]).is_err());
}
