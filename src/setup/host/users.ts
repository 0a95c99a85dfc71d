import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "./run-program.ts";

/** A user as this host knows one. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Below are a system's own users (login.defs), and from this one on those that no person has. */
const [firstPerson, nobody] = [1_000, 65_534];
const name = /^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$/;

/** Looks a user up by name or uid, wherever this host keeps them. */
export async function findUser(run: Run, nameOrUid: string): Promise<User | undefined> {
  if (!name.test(nameOrUid)) return undefined;
  const { code, stdout } = await run("/usr/bin/getent", ["passwd", nameOrUid]);
  const [found = "", , uid = "", gid = "", , home = ""] = stdout.split("\n")[0]?.split(":") ?? [];
  return code === 0 && found !== "" ? { name: found, uid: Number(uid), gid: Number(gid), home } : undefined;
}

/** Refuses whoever can't own an installation; `asked` is how he was named. */
export function mustBePerson(user: User | undefined, asked: string): User {
  const refuse = (why: string) =>
    new BangerError("usage", `owner: ${why}`, {
      details: { hint: "Name the user who will work with it: `--owner NAME`. He needs no other rights." },
    });
  if (user === undefined) throw refuse(`there is no user ${JSON.stringify(asked)}`);
  if (user.uid === 0) throw refuse("root can't be it: what a VM does is kept from root by its owner's uid");
  if (user.uid < firstPerson) throw refuse(`${user.name} (uid ${user.uid}) is one of the system's own users`);
  if (user.uid === nobody) throw refuse(`${user.name} is nobody`);
  return user;
}
