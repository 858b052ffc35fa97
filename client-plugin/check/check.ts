import { describeError, MandosError } from '../../common/errors.js';
import { checkAccess } from './checks/access.js';
import { checkConfiguration } from './checks/configuration.js';
import { checkCopies } from './checks/copies.js';
import { checkImageFile } from './checks/image-file.js';
import { checkKeys } from './checks/keys.js';
import { checkLauncher } from './checks/launcher.js';
import { checkModules } from './checks/modules.js';
import { checkNamed } from './checks/named.js';
import { checkNode } from './checks/node.js';
import { checkStart } from './checks/start.js';
import { checkSystem } from './checks/system.js';
import { checkVolumes } from './checks/volumes.js';
import { fail } from './finding.js';
import type { Finding } from './finding.js';
import type { Host } from './host.js';
import { readImage } from './image/read-image.js';
import { findImages, releaseOfImage } from './kernels.js';
import type { CheckRequest } from './options.js';
import type { Part } from './report.js';
import { subjectOf } from './subject.js';
import type { Subject } from './subject.js';

/** Asks the servers with an image's keys. What only root may read cannot be read any more afterwards. */
export type AskServer = (subject: Subject) => Promise<Finding[]>;

/** Checks the images that are asked for, and then the system. */
export async function check(
  request: Pick<CheckRequest, 'images' | 'all'>,
  host: Host,
  nowMs: number,
  ask?: AskServer,
): Promise<Part[]> {
  const images = imagesOf(request, host);
  const checked: CheckedImage[] = [];
  try {
    // One after the other: each takes the memory of its largest program.
    for (const file of images) {
      const image = await checkImage(file, host, nowMs);
      checked.push(image);
      if (!ask) image.subject?.image.tree.forget();
    }
    const releases = images.flatMap(file => releaseOfImage(file) ?? []);
    const system = { file: undefined, findings: checkSystem(host, releases) };
    // Last of all: it gives up the rights that all the rest is read with.
    for (const { subject, findings } of checked)
      if (ask && subject && subject.client !== 'none') findings.push(...(await ask(subject)));
    return [...checked.map(({ file, findings }) => ({ file, findings })), system];
  } finally {
    for (const { subject } of checked) subject?.image.tree.forget();
  }
}

interface CheckedImage {
  readonly file: string;
  readonly findings: Finding[];
  /** Absent when it cannot be read. */
  readonly subject?: Subject;
}

function imagesOf({ images, all }: Pick<CheckRequest, 'images' | 'all'>, host: Host): readonly string[] {
  if (images.length > 0) return images;
  const found = findImages(host.files);
  if (all && found.length > 0) return found.map(({ file }) => file);
  const running = found.find(({ release }) => release === host.runningRelease);
  return [running?.file ?? host.files.at(`/boot/initrd.img-${host.runningRelease}`)];
}

async function checkImage(file: string, host: Host, nowMs: number): Promise<CheckedImage> {
  let image;
  try {
    image = await readImage(file);
  } catch (error) {
    if (error instanceof MandosError) return { file, findings: [fail('image', describeError(error))] };
    throw error;
  }
  const subject = subjectOf(image, host);
  try {
    const findings = checkImageFile(subject);
    if (subject.client !== 'none')
      findings.push(
        ...checkStart(subject),
        ...(await checkKeys(subject, nowMs)),
        ...checkConfiguration(subject),
        ...checkNamed(subject),
        ...checkCopies(subject),
        ...checkLauncher(subject),
        ...checkAccess(subject),
        ...checkNode(subject),
        ...checkModules(subject),
        ...checkVolumes(subject),
      );
    return { file, findings, subject };
  } catch (error) {
    image.tree.forget();
    throw error;
  }
}
