# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_amslpr_global_optspecs
    string join \n h/help V/version
end

function __fish_amslpr_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_amslpr_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_amslpr_using_subcommand
    set -l cmd (__fish_amslpr_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c amslpr -n "__fish_amslpr_needs_command" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_needs_command" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "read" -d 'Read the plates in pictures, folders of pictures and clips'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "run" -d 'Run the daemon: capture, detect, track, read, decide, record, publish'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "status" -d 'Say how the running daemon is doing'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "trace" -d 'Write what every stage does for a while into a file for Perfetto or Chrome, and say which frames took longest'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "passages" -d 'List the passages that the journal holds, newest first'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "journal" -d 'Look after the journal: verify, back up, restore, export, erase a plate'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "maintain" -d 'The upkeep of the journal, as timers do it: check, erase what is too old, tidy up, back up'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "explain" -d 'Say why a passage was decided so: votes, format, list, rule, nearest miss'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "plates" -d 'Who is on which list: add, remove, list, import, export, audit, inside, left'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "check" -d 'Check the configuration and say everything that is wrong with it'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "config" -d 'Show the configuration in force, or the built-in defaults'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "doctor" -d 'Look at the machine and say what is wrong with it and what to do'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "aim" -d 'Say how good a look a camera gives at plates, and what to do about it'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "record" -d 'Write what a camera sees into a clip'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "replay" -d 'Say what a camera\'s settings make of a recording; the same every time'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "gate" -d 'Open a gate by hand; bring the lines of a daemon that is gone to rest'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "eval" -d 'Measure accuracy on pictures whose plates are known'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "bench" -d 'Measure speed, stage by stage'
complete -c amslpr -n "__fish_amslpr_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l annotate -d 'Write a copy of every picture with boxes and texts into this folder' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -l json -d 'Print one JSON object a picture, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand read" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand run" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand run" -l quiet -d 'Do not print decisions and passages on stdout (the default under systemd)'
complete -c amslpr -n "__fish_amslpr_using_subcommand run" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand run" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -l watch -d 'Show it again every so many seconds, with the rates in between, until Ctrl-C' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -l config -d 'The main configuration file, which says where the daemon listens' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -l socket -d 'Where it listens, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -l json -d 'The report as the daemon publishes it, as one JSON object'
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -l stages -d 'Show how long every stage takes'
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand status" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand trace" -l for -d 'How long, such as 30s' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand trace" -l config -d 'The main configuration file, which says where the daemon listens' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand trace" -l socket -d 'Where it listens, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand trace" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand trace" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l since -d 'Passages that began then or later: 2026-11-23, 2026-11-23T08:00, or an age such as 90m, 24h, 7d' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l until -d 'Passages that began before then; same forms' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l plate -d 'Passages of this plate; with a * at the end, of every plate that begins so' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l camera -d 'Passages of this camera' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -s n -l limit -d 'At most so many' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l json -d 'One JSON object a passage, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -l per-day -d 'Count them by day instead of listing them'
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand passages" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "verify" -d 'Check a journal, or a copy of one: its structure, and that nothing in it was changed, taken out or added'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "backup" -d 'Copy the journal while the daemon writes it; compressed if the name ends with .gz'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "restore" -d 'Put a backup in the journal\'s place; the journal that was there is kept beside it'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "export" -d 'Print passages as CSV or JSON, oldest last'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "health" -d 'Print when something began to be wrong with the node, or ended, newest first, and what was wrong then'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "erase" -d 'Erase a plate from every passage that names it, images included. The passages stay, without text; so does the proof that nothing else was changed. It goes from the record of who changed lists, too; an entry stays until `amslpr plates remove`'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and not __fish_seen_subcommand_from verify backup restore export health erase help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from verify" -l head -d 'A head noted earlier, NUMBER:HASH as this command prints it: also check that the journal still builds on it' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from verify" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from verify" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from backup" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from backup" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from restore" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from restore" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from restore" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l format -r -f -a "csv\t''
json\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l since -d 'Passages that began then or later: 2026-11-23, 2026-11-23T08:00, or an age such as 90m, 24h, 7d' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l until -d 'Passages that began before then; same forms' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l plate -d 'Passages of this plate; with a * at the end, of every plate that begins so' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l camera -d 'Passages of this camera' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to this file instead of stdout' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from health" -s n -l limit -d 'At most so many' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from health" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from health" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from health" -l json -d 'A JSON object a line'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from health" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from health" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from erase" -l plate -r
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from erase" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from erase" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from erase" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from erase" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check a journal, or a copy of one: its structure, and that nothing in it was changed, taken out or added'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "backup" -d 'Copy the journal while the daemon writes it; compressed if the name ends with .gz'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Put a backup in the journal\'s place; the journal that was there is kept beside it'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "export" -d 'Print passages as CSV or JSON, oldest last'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "health" -d 'Print when something began to be wrong with the node, or ended, newest first, and what was wrong then'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "erase" -d 'Erase a plate from every passage that names it, images included. The passages stay, without text; so does the proof that nothing else was changed. It goes from the record of who changed lists, too; an entry stays until `amslpr plates remove`'
complete -c amslpr -n "__fish_amslpr_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -l only -d 'Only these, in this order whatever is written [default: all; back up where --backup names a folder]' -r -f -a "check\t'Look for damage and for what was changed, taken out or added'
erase\t'Erase what is older than [journal] retention says; a running daemon does that by itself'
tidy\t'Refresh the search planner\'s figures, give free space back to the disk'
backup\t'Make a backup'"
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -l backup -d 'Keep a backup of each day of the week in this folder; each is put back into a scratch file and compared' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -l rate -d 'MiB a second that are moved at most, so that the daemon does not wait for the disk' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -l config -d 'The daemon\'s configuration, which names the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -l json -d 'Print what became of it as one JSON object'
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c amslpr -n "__fish_amslpr_using_subcommand maintain" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand explain" -l config -d 'The daemon\'s configuration, which names the journal and the lists' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand explain" -l journal -d 'A journal file, whatever the configuration says' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand explain" -l json -d 'One JSON object'
complete -c amslpr -n "__fish_amslpr_using_subcommand explain" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand explain" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "add" -d 'Put a plate on a list; a running daemon decides by it within a second'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "remove" -d 'Take plates off a list'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "list" -d 'Show every entry: of the configuration, and added'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "import" -d 'Add the plates of a CSV file; all of them or, if one line is wrong, none'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "export" -d 'Write entries as CSV, in the form that import reads'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "audit" -d 'Show who changed what, newest first'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "inside" -d 'Show who is inside: let in and not seen leaving. Kept where anti-passback or a capacity asks for it'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "left" -d 'Say that vehicles are not inside any more, where their leaving was not seen'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and not __fish_seen_subcommand_from add remove list import export audit inside left help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l note -d 'Whose it is; stands in decisions' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l from -d 'It counts from this day or time on: 2026-12-01, 2026-12-01T08:00, 2026-12-01T07:00:00Z' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l until -d 'It counts to the end of this day, or before this time' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l uses -d 'A guest: to be let in so many times' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l lasts -d 'A guest: to be let in for so long from the first time on, such as 4h or 3d' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l schedule -d 'A schedule of the configuration; the list\'s own then has no say' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -l replace -d 'The plate is on the list already: this takes the place of what was said of it before, limits included'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from remove" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from list" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from list" -l json -d 'One JSON object an entry, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from import" -l list -d 'The list of lines that name none' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from import" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from import" -l sync -d 'Also take off what was added before and is not in the file, on the lists that it names'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from import" -l dry-run -d 'Say what is wrong, and change nothing'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to this file instead of stdout' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from export" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from export" -l all -d 'Entries of the configuration too'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from audit" -l plate -d 'Only changes of this plate' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from audit" -s n -l limit -d 'At most so many' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from audit" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from audit" -l json -d 'One JSON object a change, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from audit" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from audit" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from inside" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from inside" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from inside" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from left" -l config -d 'The daemon\'s configuration, which names the lists and the journal' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from left" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from left" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "add" -d 'Put a plate on a list; a running daemon decides by it within a second'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take plates off a list'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show every entry: of the configuration, and added'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "import" -d 'Add the plates of a CSV file; all of them or, if one line is wrong, none'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write entries as CSV, in the form that import reads'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "audit" -d 'Show who changed what, newest first'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "inside" -d 'Show who is inside: let in and not seen leaving. Kept where anti-passback or a capacity asks for it'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "left" -d 'Say that vehicles are not inside any more, where their leaving was not seen'
complete -c amslpr -n "__fish_amslpr_using_subcommand plates; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand check" -l config -d 'The main file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand check" -l json -d 'Problems as one JSON object'
complete -c amslpr -n "__fish_amslpr_using_subcommand check" -l offline -d 'Only the files: no knocking at cameras, gates and broker'
complete -c amslpr -n "__fish_amslpr_using_subcommand check" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand check" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and not __fish_seen_subcommand_from defaults show help" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and not __fish_seen_subcommand_from defaults show help" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and not __fish_seen_subcommand_from defaults show help" -f -a "defaults" -d 'Every key with its default and what it is for, as comments of a configuration file'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and not __fish_seen_subcommand_from defaults show help" -f -a "show" -d 'Every key with the value in force and the file and line that said it; problems go to stderr'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and not __fish_seen_subcommand_from defaults show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from defaults" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from defaults" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The main file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "defaults" -d 'Every key with its default and what it is for, as comments of a configuration file'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Every key with the value in force and the file and line that said it; problems go to stderr'
complete -c amslpr -n "__fish_amslpr_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and not __fish_seen_subcommand_from hailo cameras help" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and not __fish_seen_subcommand_from hailo cameras help" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and not __fish_seen_subcommand_from hailo cameras help" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and not __fish_seen_subcommand_from hailo cameras help" -f -a "hailo" -d 'The Hailo: slot, driver, library, firmware, chip, networks, and a picture through each of them'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and not __fish_seen_subcommand_from hailo cameras help" -f -a "cameras" -d 'The cameras: those at this machine with what they offer, and those of the configuration with what they give'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and not __fish_seen_subcommand_from hailo cameras help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from hailo" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from hailo" -l inside -d 'Only what calls the library, in this process'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from hailo" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from hailo" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from cameras" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from cameras" -l list -d 'Only list the cameras at this machine'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from cameras" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from cameras" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from help" -f -a "hailo" -d 'The Hailo: slot, driver, library, firmware, chip, networks, and a picture through each of them'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from help" -f -a "cameras" -d 'The cameras: those at this machine with what they offer, and those of the configuration with what they give'
complete -c amslpr -n "__fish_amslpr_using_subcommand doctor; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand aim" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand aim" -l speed -d 'How fast vehicles are where plates are read' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand aim" -l for -d 'End after this long, such as 30s; without it Ctrl-C ends' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand aim" -l out -d 'Write the picture, with what was found painted in it, to this JPEG file: once a second what is seen now, for a viewer that follows the file; at the end the best look' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand aim" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand aim" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand record" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand record" -l for -d 'How long, such as 60s' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand record" -l out -d 'The clip; .ts or .mkv is appended [default: the camera\'s name and the time]. Pictures of cars are personal data' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand record" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand record" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand replay" -l config -d 'The main configuration file; conf.d/*.toml beside it is read too' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand replay" -l camera -d 'The camera whose zones, role and lists count; may be left out if there is only one' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand replay" -l at -d 'When the recording began, such as 2026-11-27T08:00:00Z: schedules and validities go by it' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand replay" -l json -d 'Print a JSON object a passage'
complete -c amslpr -n "__fish_amslpr_using_subcommand replay" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand replay" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and not __fish_seen_subcommand_from open release help" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and not __fish_seen_subcommand_from open release help" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and not __fish_seen_subcommand_from open release help" -f -a "open" -d 'Ask the running daemon to open a gate once. Who asked, and why, is recorded'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and not __fish_seen_subcommand_from open release help" -f -a "release" -d 'Bring every gate\'s line to rest, for a daemon that is gone; the service does so after every stop'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and not __fish_seen_subcommand_from open release help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from open" -l reason -d 'Why; it is recorded' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from open" -l config -d 'The main configuration file, which says where the daemon listens' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from open" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from release" -l config -d 'The main configuration file; what the daemon noted when it started counts as well' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from release" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "open" -d 'Ask the running daemon to open a gate once. Who asked, and why, is recorded'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "release" -d 'Bring every gate\'s line to rest, for a daemon that is gone; the service does so after every stop'
complete -c amslpr -n "__fish_amslpr_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l truth -d 'What is on them: a JSON object a line, {"image": ..., "plates": [{"box": [x, y, w, h], "text": ...}]}' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l sheet -d 'Write a contact sheet of the plates that were read wrong to this PNG file' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l truth-boxes -d 'Read the known boxes instead of finding plates: measures the reader alone'
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -l json -d 'Print one JSON object instead of tables'
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand eval" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "preprocess" -d 'From a 1920x1080 frame to the detector\'s input, and JPEG decoding'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "detect" -d 'The detector network with its preparation and decoding'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "read-single" -d 'The reader on the plates found in the pictures, one by one'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "read-batch" -d 'The reader network on 1, 4, 8 and 16 plates a run, on every engine that works here'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "image" -d 'Everything that happens to one frame: detect, track, read, vote, journal; and the networks\' share of it'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "pipeline" -d 'Cameras that play a clip again and again, from the decoder to the journal, in real time'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "decide" -d 'Deciding: a plate that is listed, one that is not (with its nearest miss), one that is inside; loading the lists'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "journal" -d 'Durable commits, look-ups by plate, bytes written'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "api" -d 'The HTTP API over a journal of this size: passages, one plate\'s, one passage, a camera\'s picture'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "publish" -d 'From a recorded passage to the broker\'s acknowledgement'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "capacity" -d 'What this machine sustains, what limits it, and what 100 to 50,000 plates a day cost it'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and not __fish_seen_subcommand_from preprocess detect read-single read-batch image pipeline decide journal api publish capacity help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from preprocess" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from preprocess" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from preprocess" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from preprocess" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from preprocess" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l concurrency -d 'Workers side by side, each with networks of its own' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from detect" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l concurrency -d 'Workers side by side, each with networks of its own' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-single" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from read-batch" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l concurrency -d 'Workers side by side, each with networks of its own' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from image" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l fps -d 'Frames a second of each camera' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l for -d 'How long each load is run' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l dir -d 'Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l cameras -d 'Cameras side by side' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l every -d 'Look at every frame, whether anything moves or not'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from decide" -l entries -d 'Entries on the lists' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from decide" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from decide" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from decide" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from decide" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from decide" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -l rows -d 'Rows in the table that is searched' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -l dir -d 'Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from journal" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -l rows -d 'Passages in the journal that is asked' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -l concurrency -d 'Clients side by side' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -l dir -d 'Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from api" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -l host -d 'The broker that is told: one to try things out on, for it gets made-up facts' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -l port -d 'Its port; without TLS and without a password' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -l dir -d 'Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from publish" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l fps -d 'Frames a second of each camera' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l for -d 'How long each load is run' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l dir -d 'Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l engine -d 'What finds and reads plates [default: the first that works]' -r -f -a "hailo\t''
onnxruntime\t''
cpu\t''
tesseract\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l precision -d 'Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them]' -r -f -a "float\t''
int8\t''"
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l threads -d 'Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores]' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l models -d 'Folder of the models to use instead of the installed ones' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l regions -d 'Countries whose formats may repair look-alike characters, such as gb,de,us' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l host -d 'The broker that is told: one to try things out on, for it gets made-up facts' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l port -d 'Its port; without TLS and without a password' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -s n -l iterations -d 'Rounds that count' -r
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l baseline -d 'Say how much each median has changed since this file was saved with --json' -r -F
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -l json -d 'Print one JSON object a measured thing, each on one line'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -s h -l help -d 'Print help'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from capacity" -s V -l version -d 'Print version'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "preprocess" -d 'From a 1920x1080 frame to the detector\'s input, and JPEG decoding'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "detect" -d 'The detector network with its preparation and decoding'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "read-single" -d 'The reader on the plates found in the pictures, one by one'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "read-batch" -d 'The reader network on 1, 4, 8 and 16 plates a run, on every engine that works here'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "image" -d 'Everything that happens to one frame: detect, track, read, vote, journal; and the networks\' share of it'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "pipeline" -d 'Cameras that play a clip again and again, from the decoder to the journal, in real time'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "decide" -d 'Deciding: a plate that is listed, one that is not (with its nearest miss), one that is inside; loading the lists'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "journal" -d 'Durable commits, look-ups by plate, bytes written'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "api" -d 'The HTTP API over a journal of this size: passages, one plate\'s, one passage, a camera\'s picture'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "publish" -d 'From a recorded passage to the broker\'s acknowledgement'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "capacity" -d 'What this machine sustains, what limits it, and what 100 to 50,000 plates a day cost it'
complete -c amslpr -n "__fish_amslpr_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "read" -d 'Read the plates in pictures, folders of pictures and clips'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "run" -d 'Run the daemon: capture, detect, track, read, decide, record, publish'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "status" -d 'Say how the running daemon is doing'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "trace" -d 'Write what every stage does for a while into a file for Perfetto or Chrome, and say which frames took longest'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "passages" -d 'List the passages that the journal holds, newest first'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "journal" -d 'Look after the journal: verify, back up, restore, export, erase a plate'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "maintain" -d 'The upkeep of the journal, as timers do it: check, erase what is too old, tidy up, back up'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "explain" -d 'Say why a passage was decided so: votes, format, list, rule, nearest miss'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "plates" -d 'Who is on which list: add, remove, list, import, export, audit, inside, left'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "check" -d 'Check the configuration and say everything that is wrong with it'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "config" -d 'Show the configuration in force, or the built-in defaults'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "doctor" -d 'Look at the machine and say what is wrong with it and what to do'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "aim" -d 'Say how good a look a camera gives at plates, and what to do about it'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "record" -d 'Write what a camera sees into a clip'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "replay" -d 'Say what a camera\'s settings make of a recording; the same every time'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "gate" -d 'Open a gate by hand; bring the lines of a daemon that is gone to rest'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "eval" -d 'Measure accuracy on pictures whose plates are known'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "bench" -d 'Measure speed, stage by stage'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and not __fish_seen_subcommand_from read run status trace passages journal maintain explain plates check config doctor aim record replay gate eval bench help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "verify" -d 'Check a journal, or a copy of one: its structure, and that nothing in it was changed, taken out or added'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "backup" -d 'Copy the journal while the daemon writes it; compressed if the name ends with .gz'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "restore" -d 'Put a backup in the journal\'s place; the journal that was there is kept beside it'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "export" -d 'Print passages as CSV or JSON, oldest last'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "health" -d 'Print when something began to be wrong with the node, or ended, newest first, and what was wrong then'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "erase" -d 'Erase a plate from every passage that names it, images included. The passages stay, without text; so does the proof that nothing else was changed. It goes from the record of who changed lists, too; an entry stays until `amslpr plates remove`'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "add" -d 'Put a plate on a list; a running daemon decides by it within a second'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "remove" -d 'Take plates off a list'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "list" -d 'Show every entry: of the configuration, and added'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "import" -d 'Add the plates of a CSV file; all of them or, if one line is wrong, none'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "export" -d 'Write entries as CSV, in the form that import reads'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "audit" -d 'Show who changed what, newest first'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "inside" -d 'Show who is inside: let in and not seen leaving. Kept where anti-passback or a capacity asks for it'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from plates" -f -a "left" -d 'Say that vehicles are not inside any more, where their leaving was not seen'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "defaults" -d 'Every key with its default and what it is for, as comments of a configuration file'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Every key with the value in force and the file and line that said it; problems go to stderr'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from doctor" -f -a "hailo" -d 'The Hailo: slot, driver, library, firmware, chip, networks, and a picture through each of them'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from doctor" -f -a "cameras" -d 'The cameras: those at this machine with what they offer, and those of the configuration with what they give'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "open" -d 'Ask the running daemon to open a gate once. Who asked, and why, is recorded'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "release" -d 'Bring every gate\'s line to rest, for a daemon that is gone; the service does so after every stop'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "preprocess" -d 'From a 1920x1080 frame to the detector\'s input, and JPEG decoding'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "detect" -d 'The detector network with its preparation and decoding'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "read-single" -d 'The reader on the plates found in the pictures, one by one'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "read-batch" -d 'The reader network on 1, 4, 8 and 16 plates a run, on every engine that works here'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "image" -d 'Everything that happens to one frame: detect, track, read, vote, journal; and the networks\' share of it'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "pipeline" -d 'Cameras that play a clip again and again, from the decoder to the journal, in real time'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "decide" -d 'Deciding: a plate that is listed, one that is not (with its nearest miss), one that is inside; loading the lists'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "journal" -d 'Durable commits, look-ups by plate, bytes written'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "api" -d 'The HTTP API over a journal of this size: passages, one plate\'s, one passage, a camera\'s picture'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "publish" -d 'From a recorded passage to the broker\'s acknowledgement'
complete -c amslpr -n "__fish_amslpr_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "capacity" -d 'What this machine sustains, what limits it, and what 100 to 50,000 plates a day cost it'
