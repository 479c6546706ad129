// What a script of somebody's does with @octokit/rest; prints what it saw as JSON.
// node client.mjs MODULE API TOKEN OWNER REPO SHA
const [module, baseUrl, auth, owner, repo, head_sha] = process.argv.slice(2);
const { Octokit } = await import(module);
const octokit = new Octokit({ auth, baseUrl, log: { debug() {}, info() {}, warn() {}, error() {} } });
const here = { owner, repo };

const me = (await octokit.rest.users.getAuthenticated()).data.login;
for (let n = 0; n < 35; n++) {
  await octokit.rest.issues.create({ ...here, title: `Issue ${n}`, labels: ["bug"] });
}
const listed = await octokit.paginate(octokit.rest.issues.listForRepo, { ...here, per_page: 10 });
const issue_number = listed.at(-1).number;
await octokit.rest.issues.addLabels({ ...here, issue_number, labels: ["ao:ready"] });
await octokit.rest.issues.removeLabel({ ...here, issue_number, name: "bug" });
await octokit.rest.issues.addAssignees({ ...here, issue_number, assignees: ["hubot"] });
const said = await octokit.rest.issues.createComment({ ...here, issue_number, body: "hello" });
await octokit.rest.reactions.createForIssueComment({
  ...here, comment_id: said.data.id, content: "eyes",
});
const issue = (await octokit.rest.issues.get({ ...here, issue_number })).data;
const events = await octokit.paginate(octokit.rest.issues.listEventsForTimeline, {
  ...here, issue_number,
});

const pull = (await octokit.rest.pulls.create({ ...here, title: "P", head: "topic", base: "main" }))
  .data;
const pull_number = pull.number;
await octokit.rest.repos.createCommitStatus({
  ...here, sha: pull.head.sha, state: "success", context: "ci",
});
await octokit.rest.pulls.createReview({
  ...here, pull_number, event: "COMMENT", body: "see",
  comments: [{ path: "notes.txt", line: 4, body: "why?" }],
});
const files = (await octokit.rest.pulls.listFiles({ ...here, pull_number })).data;
const diff = await octokit.rest.pulls.get({ ...here, pull_number, mediaType: { format: "diff" } });
const status = (await octokit.rest.repos.getCombinedStatusForRef({ ...here, ref: "topic" })).data;
const merged = (await octokit.rest.pulls.merge({
  ...here, pull_number, merge_method: "squash", sha: head_sha,
})).data.merged;

const ref = { ...here, ref: "refs/ao/x", sha: head_sha };
await octokit.rest.git.createRef(ref);
const matching = (await octokit.rest.git.listMatchingRefs({ ...here, ref: "ao/" })).data;
const text = (await octokit.rest.repos.getContent({ ...here, path: "notes.txt" })).data.content;
const { viewer } = await octokit.graphql("{ viewer { login } }");
const failures = [];
for (const call of [
  () => octokit.rest.issues.get({ ...here, issue_number: 999 }),
  () => octokit.rest.issues.create(here),
  () => octokit.graphql("{ viewer { nothing } }"),
]) {
  await call().catch((error) => failures.push([error.name, error.status ?? null]));
}
const etag = (await octokit.rest.issues.get({ ...here, issue_number })).headers.etag;
await octokit.rest.issues
  .get({ ...here, issue_number, headers: { "if-none-match": etag } })
  .catch((error) => failures.push([error.name, error.status]));

console.log(JSON.stringify({
  me, listed: listed.length, labels: issue.labels.map((label) => label.name),
  assignees: issue.assignees.map((user) => user.login), comments: issue.comments,
  events: events.map((event) => event.event), mergeable: pull.mergeable,
  files: files.map((file) => file.filename), diff: diff.data.split("\n")[0],
  status: status.state, merged, refs: matching.map((each) => each.ref),
  text: Buffer.from(text, "base64").toString(), viewer: viewer.login, failures,
}));
