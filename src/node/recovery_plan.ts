/**
 * What a recovery from a lost quorum does, planned from what the survivors' disks hold. Pure.
 *
 * In each group whose voters have lost their majority the survivor with the highest (term, index) goes on, alone or with
 * the other survivors: it appends, in a term above all that any survivor promised, a configuration of the survivors.
 * Raft does the rest: no other survivor's log is as far, so no other can be elected first (Raft paper, 5.4.1).
 *
 * Entries are lost where the dead could have committed without the survivors. Where they could not, every committed entry
 * is on some survivor and therefore on the one that is furthest (Raft paper, 5.4.3): then nothing is lost.
 */
import { SennitError } from "../core/errors.ts";
import { CONTROL_GROUP, type GroupId, type Index, type MemberId, type Term } from "../core/ids.ts";
import type { Configuration } from "../raft/mod.ts";
import type { IdentityPeer } from "./identity.ts";
import type { GroupSurvey, Survey } from "./recovery_survey.ts";

export interface RecoveryRequest {
  /** Names of the members whose disks are there. */
  readonly survivors: readonly string[];
  /** Names of the members that never come back. */
  readonly dead: readonly string[];
}

export interface GroupRecovery {
  readonly group: GroupId;
  readonly generation: number;
  readonly name: string;
  /** False: the survivors have a majority of the voters, the group goes on by itself. */
  readonly forced: boolean;
  /** Whose log goes on. */
  readonly winner: string;
  readonly winnerId: MemberId;
  /** The end of its log. */
  readonly lastTerm: Term;
  readonly lastIndex: Index;
  /** The highest index that any survivor knows to be committed. */
  readonly commit: Index;
  /** Every entry that was ever committed is there: the dead could commit nothing by themselves. */
  readonly complete: boolean;
  /** Of a stream: messages below this offset are there. */
  readonly nextOffset: number;
  /** Where forced: the new configuration, appended in this term. */
  readonly term: Term;
  readonly configuration: Configuration;
  /** The end of each survivor's log, by name. */
  readonly logs: readonly { readonly name: string; readonly lastTerm: Term; readonly lastIndex: Index }[];
}

export interface RecoveryPlan {
  readonly meshId: string;
  readonly meshName: string;
  readonly epochBefore: number;
  readonly survivors: readonly string[];
  readonly dead: readonly string[];
  readonly groups: readonly GroupRecovery[];
  /** Streams that no survivor is a member of. */
  readonly lostStreams: readonly string[];
  /** Members that the control log of the winner evicts; none where the control group goes on by itself. */
  readonly evicted: readonly MemberId[];
  /** The dead as the others knew them. */
  readonly leftBehind: readonly IdentityPeer[];
  readonly warnings: readonly string[];
}

/** Throws `SennitError` CONFIGURATION_INVALID that says what is missing, or what is not as the command says. */
export function planRecovery(surveys: readonly Survey[], request: RecoveryRequest): RecoveryPlan {
  const control = furthest(surveys, CONTROL_GROUP);
  if (control === null) throw invalid("No survivor's disk holds the control group");
  checkRequest(surveys, control.survey, request);
  const ids = surveys.map(({ memberId }) => memberId);
  const groups: GroupRecovery[] = [];
  for (const group of groupsOf(surveys)) groups.push(planGroup(surveys, ids, group));
  const forced = groups.filter((group) => group.forced);
  const epochs = new Set(surveys.map(({ recoveryEpoch }) => recoveryEpoch));
  if (forced.length === 0 && epochs.size === 1) {
    throw invalid("No group has lost its quorum: start the survivors, and evict who is away for good");
  }
  const { members, streams, hasAuthority, meshId, meshName } = control.survey;
  const evicts = groups[0]!.forced;
  const gone = members.filter(({ name, leaving }) => request.dead.includes(name) && !leaving);
  const warnings: string[] = [];
  if (hasAuthority && !members.some((each) => ids.includes(each.memberId) && each.holdsAuthority)) {
    warnings.push(
      "No survivor holds a share of the mesh's authority: nobody can be admitted to this mesh again",
    );
  }
  if (!evicts && gone.length > 0) {
    const names = gone.map(({ name }) => name).join(", ");
    warnings.push(`The control group has its quorum: evict ${names} with \`sennit evict\` once it runs`);
  }
  return {
    meshId,
    meshName,
    epochBefore: Math.max(...epochs),
    survivors: request.survivors,
    dead: request.dead,
    groups,
    lostStreams: streams
      .filter(({ group }) => !groups.some((each) => each.group === group))
      .map(({ name }) => name),
    leftBehind: members.filter(({ name }) => request.dead.includes(name))
      .map(({ name, number, memberId, addresses }) => ({ name, number, memberId, addresses })),
    evicted: evicts ? gone.map(({ memberId }) => memberId) : [],
    warnings,
  };
}

function checkRequest(
  surveys: readonly Survey[],
  reference: Survey,
  { survivors, dead }: RecoveryRequest,
): void {
  const found = surveys.map(({ name }) => name);
  const foreign = surveys.find(({ meshId }) => meshId !== reference.meshId);
  if (foreign !== undefined) {
    throw invalid(`${foreign.name} is of mesh ${foreign.meshId}, ${reference.name} of ${reference.meshId}`);
  }
  if (new Set(found).size !== found.length) throw invalid("A data folder is given twice");
  for (const name of survivors) {
    if (!found.includes(name)) throw invalid(`The data folder of survivor ${name} is not given`);
    if (dead.includes(name)) throw invalid(`${name} is named as a survivor and as dead`);
  }
  for (const name of found) {
    if (!survivors.includes(name)) {
      throw invalid(`The data folder of ${name} is given: name it as a survivor`);
    }
  }
  const missing = reference.members.filter(({ name, leaving }) =>
    !leaving && !survivors.includes(name) && !dead.includes(name)
  );
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    throw invalid(`Every member is named, as a survivor or as dead: missing are ${names}`);
  }
  for (const name of [...survivors, ...dead]) {
    if (!reference.members.some((member) => member.name === name)) {
      throw invalid(
        `${name} is no member of the mesh: its members are ${
          reference.members.map((member) => member.name).join(", ")
        }`,
      );
    }
  }
}

function planGroup(surveys: readonly Survey[], survivors: readonly MemberId[], id: GroupId): GroupRecovery {
  const { survey, group } = furthest(surveys, id)!;
  const holders = surveys.flatMap((each) => {
    const held = groupOf(each, id);
    return held === null ? [] : [{ name: each.name, held }];
  });
  const { incoming, outgoing, learners } = group.configuration;
  const halves = [incoming, outgoing].filter((half) => half.length > 0);
  const here = (half: readonly MemberId[]) => half.filter((member) => survivors.includes(member));
  const quorum = (half: readonly MemberId[]) => Math.floor(half.length / 2) + 1;
  const voting = halves.flatMap(here);
  // Whose log goes on has to vote, or another could be elected whose log is shorter.
  const voters = voting.length === 0 ? [] : ascending([...voting, survey.memberId]);
  const learning = here(learners).filter((member) => !voters.includes(member));
  return {
    group: id,
    generation: group.generation,
    name: group.name,
    forced: halves.some((half) => here(half).length < quorum(half)),
    winner: survey.name,
    winnerId: survey.memberId,
    lastTerm: group.lastTerm,
    lastIndex: group.lastIndex,
    commit: Math.max(...holders.map(({ held }) => held.commit)) as Index,
    // To commit, the dead need a majority of both halves.
    complete: halves.some((half) => half.length - here(half).length < quorum(half)),
    nextOffset: group.nextOffset,
    term: Math.max(...holders.map(({ held }) => held.term)) + 1 as Term,
    configuration: voters.length > 0
      ? { incoming: voters, outgoing: [], learners: learning }
      : { incoming: learning.length > 0 ? learning : [survey.memberId], outgoing: [], learners: [] },
    logs: holders.map(({ name, held }) => ({ name, lastTerm: held.lastTerm, lastIndex: held.lastIndex })),
  };
}

function ascending(members: readonly MemberId[]): MemberId[] {
  return [...new Set(members)].sort((a, b) => a - b);
}

/** The survivor whose log of a group is furthest, by term, then index; null where none has one. */
function furthest(surveys: readonly Survey[], id: GroupId): { survey: Survey; group: GroupSurvey } | null {
  let best: { survey: Survey; group: GroupSurvey } | null = null;
  for (const survey of surveys) {
    const group = groupOf(survey, id);
    if (group === null) continue;
    const { lastTerm, lastIndex } = group;
    const further = best === null || lastTerm > best.group.lastTerm ||
      (lastTerm === best.group.lastTerm && lastIndex > best.group.lastIndex);
    if (further) best = { survey, group };
  }
  return best;
}

function groupOf(survey: Survey, id: GroupId): GroupSurvey | null {
  return survey.groups.find(({ group }) => group === id) ?? null;
}

function groupsOf(surveys: readonly Survey[]): GroupId[] {
  const ids = new Set(surveys.flatMap(({ groups }) => groups.map(({ group }) => group)));
  return [...ids].sort((a, b) => a - b);
}

function invalid(message: string): SennitError {
  return new SennitError("CONFIGURATION_INVALID", message);
}
