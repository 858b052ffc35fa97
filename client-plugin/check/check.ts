import { describeError, MandosError } from '../../common/errors.js';
import { checkConfiguration } from './checks/configuration.js';
import { checkCopies } from './checks/copies.js';
import { checkImageFile } from './checks/image-file.js';
import { checkKeys } from './checks/keys.js';
import { checkModules } from './checks/modules.js';
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

/** Asks the servers with an image's keys. */
export type AskServer = (subject: Subject) => Promise<Finding[]>;

/** Checks the images that are asked for, and then the system. */
export async function check(
  request: Pick<CheckRequest, 'images' | 'all'>,
  host: Host,
  nowMs: number,
  ask?: AskServer,
): Promise<Part[]> {
  const images = imagesOf(request, host);
  const parts: Part[] = [];
  // One after the other: each takes the memory of its largest program.
  for (const file of images) parts.push({ file, findings: await checkImage(file, host, nowMs, ask) });
  const checked = images.flatMap(file => releaseOfImage(file) ?? []);
  parts.push({ file: undefined, findings: checkSystem(host, checked) });
  return parts;
}

function imagesOf({ images, all }: Pick<CheckRequest, 'images' | 'all'>, host: Host): readonly string[] {
  if (images.length > 0) return images;
  const found = findImages(host.files);
  if (all && found.length > 0) return found.map(({ file }) => file);
  const running = found.find(({ release }) => release === host.runningRelease);
  return [running?.file ?? host.files.at(`/boot/initrd.img-${host.runningRelease}`)];
}

async function checkImage(
  file: string,
  host: Host,
  nowMs: number,
  ask: AskServer | undefined,
): Promise<Finding[]> {
  let image;
  try {
    image = await readImage(file);
  } catch (error) {
    if (error instanceof MandosError) return [fail('image', describeError(error))];
    throw error;
  }
  try {
    const subject = subjectOf(image, host);
    const findings = checkImageFile(subject);
    if (subject.client === 'none') return findings;
    findings.push(
      ...checkStart(subject),
      ...(await checkKeys(subject, nowMs)),
      ...checkConfiguration(subject),
      ...checkCopies(subject),
      ...checkNode(subject),
      ...checkModules(subject),
      ...checkVolumes(subject),
    );
    if (ask) findings.push(...(await ask(subject)));
    return findings;
  } finally {
    image.tree.forget();
  }
}
