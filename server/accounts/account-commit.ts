// A change of an account as one group of statements, each with what it means where the database refuses it: so the
// database decides every race, and the operator is told in words what it decided.

import type { CommitResult, Database, Statement } from '../storage/database.ts';
import { commitSealed, type Sealing } from '../storage/sealing.ts';
import { type AccountProblem, problemOfStorage } from './account-problem.ts';

export type Step = Readonly<{ statement: Statement; refused: AccountProblem }>;

/** The same meaning for each of them. */
export function steps(statements: readonly Statement[], refused: AccountProblem): readonly Step[] {
  return statements.map(statement => ({ statement, refused }));
}

/** Null where it was committed. `stepsNow` seals what it has to seal; it is called again where the key was replaced. */
export async function commitSteps(
  deps: Readonly<{ database: Database; sealer: Pick<Sealing, 'keyId' | 'refresh'> }>,
  stepsNow: () => readonly Step[],
): Promise<AccountProblem | null> {
  let group: readonly Step[] = [];
  const result = await commitSealed(deps.sealer, () => {
    group = stepsNow();
    return deps.database.commit(group.map(step => step.statement));
  });
  return problemOf(result, group);
}

function problemOf(result: CommitResult, group: readonly Step[]): AccountProblem | null {
  switch (result.kind) {
    case 'committed':
      return null;
    case 'requirement':
    case 'constraint': {
      const step = group[result.statement];
      if (step === undefined) throw new Error(`no statement ${result.statement} was committed`);
      return step.refused;
    }
    case 'full':
    case 'busy':
    case 'io':
      return problemOfStorage(result);
    default:
      return result satisfies never;
  }
}
