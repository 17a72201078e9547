# The settings of this device: what the image has of them, what the device made for itself in its
# first boot, and what a person has set; the later wins.
package Imgbuild::Store;
use v5.36;
use Imgbuild::File;
use Imgbuild::Files;
use Imgbuild::Json;
use Imgbuild::Kind;
use Imgbuild::Nearest;
use Imgbuild::Network;
use Imgbuild::Ports;
use Imgbuild::SshKey;
use Imgbuild::Zone;
use List::Util qw(first);

my $CARRIED = '/usr/lib/imgbuild/settings';
our $STATE = '/var/lib/imgbuild';

# The files that hold values as lines `name = value`. A person writes `settings` and `secrets`.
our %FILES = (
    settings => {path => '/etc/imgbuild/settings', mode => 0644},
    secrets => {path => '/etc/imgbuild/secrets', mode => 0600},
    made => {path => "$STATE/made", mode => 0600},
);
my %HEADS = (
    settings => "# What you have set on this device. After a change: imgbuild-config apply\n",
    secrets => "# What you have set on this device and nobody else may read.\n",
    made => "# What this device made for itself.\n",
);

# What the image has of the settings (src/compose/device.rs).
sub load() {
    my $text = Imgbuild::File::slurp("$CARRIED/settings.json")
        // die "`$CARRIED/settings.json` is missing\n";
    my $image = Imgbuild::Json::decode($text);
    Imgbuild::Kind::prepare($image);
    my $secrets = Imgbuild::File::slurp("$CARRIED/secrets.json") // '{}';
    $image->{secrets} = Imgbuild::Json::decode($secrets);
    return $image;
}

# The lines of every file as name → text: those that hold now or, with `$applied`, those from which
# the files of the device were made.
sub lines ($applied = 0) {
    my %lines;
    for my $kind (keys %FILES) {
        my $path = $applied ? "$STATE/applied/$kind" : $FILES{$kind}{path};
        my ($pairs, $mistakes) = parse(Imgbuild::File::slurp($path) // '');
        die "`$path`, $mistakes->[0]\n" if @$mistakes;
        $lines{$kind} = {map { $_->{name} => $_->{text} } @$pairs};
    }
    return \%lines;
}

# The files that have to be written so that `$lines` hold now, and are those from which files were
# made: path → bytes, mode.
sub written ($lines) {
    my %written;
    for my $kind (keys %FILES) {
        my $bytes = format_lines($kind, $lines->{$kind});
        $written{$FILES{$kind}{path}} = {bytes => $bytes, mode => $FILES{$kind}{mode}};
        $written{"$STATE/applied/$kind"} = {bytes => $bytes, mode => 0600};
    }
    return \%written;
}

sub format_lines ($kind, $texts) { return $HEADS{$kind} . format_pairs($texts) }

# Lines `name = value`, as `parse` reads them.
sub format_pairs ($texts) {
    return join '', map { "$_ = " . quote($texts->{$_}) . "\n" } sort keys %$texts;
}

# A value that begins or ends with a space or a quote, or that would begin a list, needs quotes.
sub quote ($text) {
    return $text =~ /\A\s|\s\z|\A".*"\z|\A\[\z/s || $text eq '' ? "\"$text\"" : $text;
}

# The pairs `name = value` of a text, each with its line, and what is wrong. A list may stand
# between lines with `name = [` and `]`. Line ends and a byte order mark may be those of Windows.
# No message quotes a value, which may be a secret.
sub parse ($text) {
    my (@pairs, @mistakes, %seen);
    $text =~ s/\A\xef\xbb\xbf//;
    return ([], ['line 1: this is no UTF-8 text; save it as UTF-8'])
        if $text =~ /\A(?:\xff\xfe|\xfe\xff)/ || $text =~ /\0/;
    my $line = 0;
    my $open;
    for (split /\r\n|\n|\r/, $text) {
        $line++;
        next if /\A\s*(?:#|\z)/;
        if (defined $open) {
            $open->{text} .= ' ' . s/\A\s+|\s+\z//gr;
            $open = undef if /\A\s*\]\s*\z/;
            next;
        }
        my ($name, $value) = /\A\s*([A-Za-z0-9-]+)[ \t]*=[ \t]*(.*?)[ \t]*\z/s;
        if (!defined $name) { push @mistakes, "line $line: expected `name = value`"; next }
        if ($seen{$name}++) { push @mistakes, "line $line: `$name` is set twice"; next }
        push @pairs, {name => $name, text => $value =~ s/\A"(.*)"\z/$1/sr, line => $line};
        $open = $pairs[-1] if $value eq '[';
    }
    push @mistakes,
        "line $open->{line}: expected a line with ] behind the values of `$open->{name}`"
        if defined $open;
    return (\@pairs, \@mistakes);
}

# The setting called `$name`; dies if there is none.
sub definition ($image, $name) {
    my $definition = $image->{settings}{$name};
    return $definition if $definition;
    my $near = Imgbuild::Nearest::nearest($name, keys %{$image->{settings}});
    my $help =
        defined $near ? "did you mean `$near`?" : '`imgbuild-config show` lists what there is';
    die "no setting is called `$name`; $help\n";
}

# The value of a pair that a person wrote; dies with what is wrong, without the text.
sub check_pair ($image, $name, $text) {
    my $definition = definition($image, $name);
    $definition->{device} or die "`$name` is fixed in the image; give it to imgbuild\n";
    return eval { Imgbuild::Kind::read_value($definition, $text) } // die "`$name`: $@";
}

# Also checks that this device has what the pair names. That is for new pairs only: an upgrade may
# take away a name that is in use.
sub check_here ($image, $name, $text) {
    my $value = check_pair($image, $name, $text);
    my $definition = $image->{settings}{$name};
    return if ($definition->{items} // $definition)->{type} ne 'time-zone';
    my $problem =
        first { defined } map { Imgbuild::Zone::problem($_) } ref $value ? @$value : $value;
    die "`$name`: $problem\n" if defined $problem;
}

# Checks a pair and writes it into `$lines`.
sub put ($image, $lines, $name, $text) {
    check_here($image, $name, $text);
    my $definition = $image->{settings}{$name};
    $lines->{file_of($definition)}{$name} = stored($definition, $text);
}

sub file_of ($definition) { return $definition->{secret} ? 'secrets' : 'settings' }

# Checks lines that a person wrote by hand, and returns them.
sub checked ($image, $lines) {
    for my $kind (qw(settings secrets)) {
        for my $name (sort keys %{$lines->{$kind}}) {
            my $definition = definition($image, $name);
            my $belongs = file_of($definition);
            $kind eq $belongs or die "`$name` belongs into `$FILES{$belongs}{path}`\n";
            check_here($image, $name, $lines->{$kind}{$name}) if !$definition->{hashed};
        }
    }
    return $lines;
}

# The values of all settings by name.
sub values ($image, $lines) {
    my %values;
    for my $name (keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        my $kind = first { exists $lines->{$_}{$name} } qw(settings secrets made);
        $values{$name} =
              !defined $kind ? $definition->{value} // $image->{secrets}{$name}
            : $definition->{hashed} ? $lines->{$kind}{$name}
            : Imgbuild::Kind::read_value($definition, $lines->{$kind}{$name});
    }
    return \%values;
}

# Who gave a setting its value.
sub origin ($image, $lines, $name) {
    return 'set here' if exists $lines->{settings}{$name} || exists $lines->{secrets}{$name};
    return 'made by this device' if exists $lines->{made}{$name};
    my $value = $image->{settings}{$name}{value} // $image->{secrets}{$name};
    return defined $value ? 'of the image' : 'absent';
}

# What is wrong with values together.
sub mistakes ($image, $values) {
    my @mistakes;
    for my $exclusion (@{$image->{exclusions}}) {
        my $when = $exclusion->{when};
        my @given = @{$exclusion->{given}};
        next if grep { !one_of($values->{$_}, $when->{$_}) } keys %$when;
        next if grep { !is_given($image, $values, $_) } @given;
        next if grep { is_given($image, $values, $_) } @{$exclusion->{absent}};
        my $help = $exclusion->{help} =~ s/`--set /`imgbuild-config set /r;
        push @mistakes,
            join(', ', map { "`$_`" } sort keys %$when, @given) . ": $exclusion->{because}; $help";
    }
    push @mistakes, Imgbuild::Ports::mistakes($image, $values),
        Imgbuild::Network::mistakes($image, $values);
    return @mistakes;
}

# `list.field` is a field of any of the list's tables, and `text.part` a part of a text.
sub is_given ($image, $values, $name) {
    my ($setting, $field) = split /\./, $name;
    my $value = $values->{$setting};
    return Imgbuild::Files::given($value) if !defined $field;
    return grep { Imgbuild::Files::given($_->{$field}) } @$value if ref $value eq 'ARRAY';
    my $parts = Imgbuild::Kind::parts($image->{settings}{$setting}{kind}, $value // return 0);
    return $parts && exists $parts->{$field};
}

sub one_of ($value, $among) {
    return defined $value && grep { Imgbuild::Json::same($value, $_) } @$among;
}

# Makes what is absent and the device has to make for itself, except for `@but`. Returns what it
# made in the clear, by name.
sub make_absent ($image, $lines, @but) {
    my (%made, %but);
    @but{@but} = ();
    for my $name (sort keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        my $generate = $definition->{generate} // next;
        next if exists $but{$name} || origin($image, $lines, $name) ne 'absent';
        $made{$name} = $generate eq 'passphrase' ? passphrase() : with_suffix();
        $lines->{made}{$name} = $definition->{hashed} ? hashed($made{$name}) : $made{$name};
    }
    return \%made;
}

# Five groups of four of 31 characters that nobody misreads, 4.95 bits each.
sub passphrase() {
    my @letters = split //, 'abcdefghjkmnpqrstuvwxyz23456789';
    return join '-', map { random_text(4, @letters) } 1 .. 5;
}

sub with_suffix() {
    my $id = Imgbuild::File::slurp('/etc/machine-id') // '';
    $id =~ /\A[0-9a-f]{28}([0-9a-f]{4})/ or die "`/etc/machine-id` holds no id\n";
    return "imgbuild-$1";
}

# The hash of a secret (crypt(5), SHA-512).
sub hashed ($text) {
    my $salt = random_text(16, 'a' .. 'z', 'A' .. 'Z', '0' .. '9');
    return crypt($text, "\$6\$$salt\$") // die "crypt(3) cannot make SHA-512 hashes\n";
}

# What the device stores of a text that a person gave.
sub stored ($definition, $text) {
    # Lines of keys have no brackets around them that would hold them together.
    $text = Imgbuild::Kind::show($definition, Imgbuild::Kind::read_value($definition, $text))
        if $text =~ /[\r\n]/ && Imgbuild::SshKey::is_kind_of($definition);
    $text =~ s/\s*\n\s*/ /g if $definition->{type} eq 'list';
    return $definition->{hashed} ? hashed($text) : $text;
}

sub is_stored ($definition, $text, $stored) {
    return defined $stored && ($definition->{hashed} ? crypt $text, $stored : $text) eq $stored;
}

# Letters by the kernel's random numbers. Those numbers that would make some letters likelier are
# thrown away.
sub random_text ($length, @letters) {
    open my $random, '<:raw', '/dev/random' or die "cannot read `/dev/random`: $!\n";
    my $text = '';
    while (length $text < $length) {
        sysread($random, my $byte, 1) or die "cannot read `/dev/random`: $!\n";
        $text .= $letters[ord($byte) % @letters] if ord($byte) < 256 - 256 % @letters;
    }
    return $text;
}

1;
