/** What the page says about CAP messages to partners. In the language of now. */

import { say, sayAs, words } from "../words.js";

export let C = made();
words.addEventListener("change", () => (C = made()));

function made() {
  return {
    title: say("Partners (CAP)"),
    status: {
      Actual: say("ACTUAL: partners act on it"),
      Exercise: say("EXERCISE"),
      Test: say("TEST: partners disregard it"),
    },
    scope: {
      Public: say("Public: for everybody"),
      Restricted: (rule) => say("Restricted: {rule}", { rule }),
      Private: (names) => say("Private: to {names}", { names }),
    },
    notReleased: say("Nothing about this alert has left."),
    preview: say("What would leave now"),
    document: say("As XML"),
    reason: say("Why partners should know"),
    ask: say("Ask for the release"),
    asked: say("Asked. It leaves when a second person approves it, under Approvals."),
    waits: (who, when) => say("{who} asked at {when}. It has not left.", { who, when }),
    mustApprove: (roles) => say("Somebody else must approve it: {roles}.", { roles }),
    released: (when, asked, approved) =>
      say("Released at {when}: {asked} asked, {approved} approved. Updates leave by themselves.", { when, asked, approved }),
    over: (when) => say("What had left was cancelled at {when}.", { when }),
    withdraw: say("Withdraw"),
    withdrawReason: say("Why it is withdrawn (stays in the audit log)"),
    kind: { Alert: sayAs("CAP", "Alert"), Update: sayAs("CAP", "Update"), Cancel: sayAs("CAP", "Cancel") },
    change: {
      released: say("released"),
      worse: say("worse"),
      event: say("another event"),
      returned: say("below the limit"),
      risen_again: say("risen again"),
      lost: say("out of sight"),
      regained: say("seen again"),
      handled: say("handling changed"),
      area: say("another area"),
      moved: say("the hot spot moved"),
      renewed: say("renewed"),
      ended: say("it is over"),
      withdrawn: say("withdrawn"),
    },
  };
}
