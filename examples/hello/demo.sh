#!/usr/bin/env bash
# Starts Wharf on a temporary directory, runs task-definition.json through the AWS API (signed requests, as any SDK sends
# them), prints what the container printed and a table of what ran, and stops cleanly.
#
#   examples/hello/demo.sh path/to/wharf
set -euo pipefail
wharf=$(realpath "${1:?usage: demo.sh path/to/wharf}")
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

temporary=$(mktemp -d)
unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION
export WHARF_DATA_DIR="$temporary/wharf" RUST_LOG="${RUST_LOG:-warn}"

say "wharf up --ephemeral"
mkfifo "$temporary/ready"
"$wharf" up --ephemeral --listen 127.0.0.1:0 >"$temporary/ready" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; rm -rf "$temporary"' EXIT
exec 3<"$temporary/ready"
read -r -t 30 line <&3 || { echo "Wharf did not become ready" >&2; exit 1; }
echo "$line"
eval "$("$wharf" env)"

# One signed request of the ECS API: ecs OPERATION JSON
ecs() {
    local answer
    answer=$(curl --silent --show-error --fail-with-body --aws-sigv4 "aws:amz:$AWS_REGION:ecs" \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        --header 'Content-Type: application/x-amz-json-1.1' \
        --header "X-Amz-Target: AmazonEC2ContainerServiceV20141113.$1" \
        --data "$2" "$AWS_ENDPOINT_URL/") || { echo "$1 failed: $answer" >&2; return 1; }
    echo "$answer"
}

say "RegisterTaskDefinition, CreateCluster, RunTask"
ecs RegisterTaskDefinition @task-definition.json >/dev/null
ecs CreateCluster '{"clusterName":"hello-cluster"}' >/dev/null
task=$(ecs RunTask '{
    "cluster": "hello-cluster", "launchType": "FARGATE", "taskDefinition": "hello", "propagateTags": "TASK_DEFINITION",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["'"${WHARF_SUBNETS%%,*}"'"], "securityGroups": ["'"$WHARF_SECURITY_GROUP"'"]}}
}' | sed -nE 's/.*"taskArn":"([^"]*)".*/\1/p')
[ -n "$task" ] || { echo "RunTask answered without a task" >&2; exit 1; }
echo "$task"

say "What the container printed"
lines=$("$wharf" logs --follow "$task")
echo "$lines"

say "What ran"
"$wharf" ps --all
[ -n "$lines" ] || { echo "The container did not print its line." >&2; exit 1; }

say "Stopping"
kill "$server"
wait "$server"
trap 'rm -rf "$temporary"' EXIT
echo "Nothing is left behind."
