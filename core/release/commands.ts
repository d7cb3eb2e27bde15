import type { ComposeProject } from "../compose/project";
import type { ReleaseCommand } from "../host/types";

/** Says which commands a new release of the project runs, and when. */
export const commandNotes = ({ services }: ComposeProject): string[] =>
  services.flatMap(({ name, commands: { before, after, reload } }) => [
    ...(before ? [`${name}: before a new release changes anything, ${sayCommand(before, "an old")}`] : []),
    ...(after ? [`${name}: after a new release has been proved, ${sayCommand(after, "a new")}`] : []),
    ...(reload
      ? [
          `${name}: if only its files change, it is not recreated: \`${reload.check.join(" ")}\` checks them, then \`${reload.command.join(" ")}\` reloads them`,
        ]
      : []),
  ]);

const sayCommand = ({ command, exec, seconds }: ReleaseCommand, which: string) =>
  `\`${command.join(" ")}\` runs in ${exec ? `${which} container` : "a container of its own"}, at most ${seconds} s`;
