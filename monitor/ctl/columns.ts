/** How a property is shown in the table. */
type Kind = 'text' | 'boolean' | 'duration';

export interface Column {
  /** The property's D-Bus name, which is also its key in the JSON dump. */
  readonly property: string;
  readonly title: string;
  readonly kind: Kind;
}

/** The properties of a client in the order in which they are shown, as mandos-ctl(8) of the original does. */
export const COLUMNS: readonly Column[] = [
  { property: 'Name', title: 'Name', kind: 'text' },
  { property: 'Enabled', title: 'Enabled', kind: 'boolean' },
  { property: 'Timeout', title: 'Timeout', kind: 'duration' },
  { property: 'LastCheckedOK', title: 'Last Successful Check', kind: 'text' },
  { property: 'Created', title: 'Created', kind: 'text' },
  { property: 'Interval', title: 'Interval', kind: 'duration' },
  { property: 'Host', title: 'Host', kind: 'text' },
  { property: 'KeyID', title: 'Key ID', kind: 'text' },
  { property: 'Fingerprint', title: 'Fingerprint', kind: 'text' },
  { property: 'CheckerRunning', title: 'Check Is Running', kind: 'boolean' },
  { property: 'LastEnabled', title: 'Last Enabled', kind: 'text' },
  { property: 'ApprovalPending', title: 'Approval Is Pending', kind: 'boolean' },
  { property: 'ApprovedByDefault', title: 'Approved By Default', kind: 'boolean' },
  { property: 'LastApprovalRequest', title: 'Last Approval Request', kind: 'text' },
  { property: 'ApprovalDelay', title: 'Approval Delay', kind: 'duration' },
  { property: 'ApprovalDuration', title: 'Approval Duration', kind: 'duration' },
  { property: 'Checker', title: 'Checker', kind: 'text' },
  { property: 'ExtendedTimeout', title: 'Extended Timeout', kind: 'duration' },
  { property: 'Expires', title: 'Expires', kind: 'text' },
  { property: 'LastCheckerStatus', title: 'Last Checker Status', kind: 'text' },
];

/** How many of them are shown without `--verbose`. */
export const BRIEF_COLUMNS = 4;

/** A basic value as text; '' for any other, which no property has. */
export function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  const isBasic = typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean';
  return isBasic ? String(value) : '';
}
