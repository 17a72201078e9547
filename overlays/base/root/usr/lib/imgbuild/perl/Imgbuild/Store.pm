# The settings of this device: what the image says of them, what the device made for itself in its
# first boot, and what a person has set; the later wins.
package Imgbuild::Store;
use v5.36;
use Imgbuild::File;
use Imgbuild::Files;
use Imgbuild::Json;
use Imgbuild::Kind;
use Imgbuild::SshKey;
use Imgbuild::Nearest;
use Imgbuild::Network;
use Imgbuild::Ports;
use Imgbuild::Zone;

my $CARRIED = '/usr/lib/imgbuild/settings';
our $STATE = '/var/lib/imgbuild';

# Where values stand as lines `name = value`. `settings` and `secrets` are a person's.
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

# The image's part.
sub load() {
    my $text = Imgbuild::File::slurp("$CARRIED/settings.json")
        // die "`$CARRIED/settings.json` is missing\n";
    my $image = Imgbuild::Json::decode($text);
    Imgbuild::Kind::prepare($image);
    my $secrets = Imgbuild::File::slurp("$CARRIED/secrets.json");
    $image->{secrets} = defined $secrets ? Imgbuild::Json::decode($secrets) : {};
    return $image;
}

# The lines of a person and of the device, those that hold now or, `applied`, those that files were
# made of.
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

# What has to be written so that `$lines` hold, now and as what files were made of: path → bytes,
# mode.
sub written ($lines) {
    my %written;
    for my $kind (keys %FILES) {
        my $bytes = format_lines($kind, $lines->{$kind});
        my ($path, $mode) = @{$FILES{$kind}}{qw(path mode)};
        $written{$path} = {bytes => $bytes, mode => $mode};
        $written{"$STATE/applied/$kind"} = {bytes => $bytes, mode => 0600};
    }
    return \%written;
}

sub format_lines ($kind, $values) {
    return join '', $HEADS{$kind}, map { "$_ = " . quote($values->{$_}) . "\n" } sort keys %$values;
}

# A value that begins or ends with a space or a quote, or that would begin a list, stands between
# quotes.
sub quote ($text) {
    return $text =~ /\A\s|\s\z|\A".*"\z|\A\[\z/s || $text eq '' ? "\"$text\"" : $text;
}

# The pairs `name = value` of a text, each with its line, and what is wrong. A list may stand
# between lines with `name = [` and `]`. Ends of lines and a mark of UTF-8 are as Windows writes
# them or not. No message holds a value, which may be a secret.
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
        my $opens = $value eq '[';
        $value =~ s/\A"(.*)"\z/$1/s;
        push @pairs, {name => $name, text => $value, line => $line};
        $open = $pairs[-1] if $opens;
    }
    push @mistakes,
        "line $open->{line}: expected a line with ] behind the values of `$open->{name}`"
        if defined $open;
    return (\@pairs, \@mistakes);
}

# Checks a pair that a person wrote; dies with what is wrong, without the value.
sub check_pair ($image, $name, $text) {
    my $definition = $image->{settings}{$name} // die unknown($image, $name);
    ${$definition->{device}} or die "`$name` is fixed in the image; give it to imgbuild\n";
    eval { Imgbuild::Kind::read_value($definition, $text); 1 } or die "`$name`: $@";
}

# The same, and that this device has what the pair names. Not for what holds already: an upgrade may
# take away a name that is in use.
sub check_here ($image, $name, $text) {
    check_pair($image, $name, $text);
    my $definition = $image->{settings}{$name};
    return if ($definition->{items} // $definition)->{type} ne 'time-zone';
    my $value = Imgbuild::Kind::read_value($definition, $text);
    for my $problem (
        grep { defined }
        map { Imgbuild::Zone::problem($_) } ref $value ? @$value : $value
        )
    {
        die "`$name`: $problem\n";
    }
}

# Writes a checked value into `$lines`.
sub put ($image, $lines, $name, $text) {
    check_here($image, $name, $text);
    my $definition = $image->{settings}{$name};
    $lines->{$definition->{secret} ? 'secrets' : 'settings'}{$name} = stored($definition, $text);
}

# Lines that a person wrote by hand.
sub checked ($image, $lines) {
    for my $kind (qw(settings secrets)) {
        for my $name (sort keys %{$lines->{$kind}}) {
            my $definition = $image->{settings}{$name} // die unknown($image, $name);
            my $belongs = $definition->{secret} ? 'secrets' : 'settings';
            $kind eq $belongs or die "`$name` belongs into `$FILES{$belongs}{path}`\n";
            check_here($image, $name, $lines->{$kind}{$name}) if !$definition->{hashed};
        }
    }
    return $lines;
}

sub unknown ($image, $name) {
    my $near = Imgbuild::Nearest::nearest($name, keys %{$image->{settings}});
    my $help =
        defined $near ? "did you mean `$near`?" : '`imgbuild-config show` lists what there is';
    return "no setting is called `$name`; $help\n";
}

# What stands in the image, in the device or was set: name → value.
sub values ($image, $lines) {
    my %values;
    for my $name (keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        my ($kind) = grep { exists $lines->{$_}{$name} } qw(settings secrets made);
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
    return defined($image->{settings}{$name}{value} // $image->{secrets}{$name})
        ? 'of the image'
        : 'absent';
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
    return 0 if !defined $value;
    my $wanted = Imgbuild::Json::encode($value);
    return scalar grep { Imgbuild::Json::encode($_) eq $wanted } @$among;
}

# Makes what is absent and the device has to make for itself, but for `@but`; gives what it made in
# the clear.
sub make_absent ($image, $lines, @but) {
    my (%made, %but);
    @but{@but} = ();
    for my $name (sort keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        next
            if !defined $definition->{generate}
            || exists $but{$name}
            || origin($image, $lines, $name) ne 'absent';
        my $text = $definition->{generate} eq 'passphrase' ? passphrase() : with_suffix();
        $made{$name} = $text;
        $lines->{made}{$name} = $definition->{hashed} ? hashed($text) : $text;
    }
    return \%made;
}

# Five groups of four of 31 characters that nobody misreads, 4.95 bits each.
sub passphrase() {
    my @letters = split //, 'abcdefghjkmnpqrstuvwxyz23456789';
    return join '-', map {
        join '',
            map { $letters[random_below(scalar @letters)] }
            1 .. 4
    } 1 .. 5;
}

sub with_suffix() {
    my $id = Imgbuild::File::slurp('/etc/machine-id') // '';
    $id =~ /\A[0-9a-f]{28}([0-9a-f]{4})/ or die "`/etc/machine-id` holds no id\n";
    return "imgbuild-$1";
}

# crypt(5), SHA-512.
sub hashed ($text) {
    my @letters = ('a' .. 'z', 'A' .. 'Z', '0' .. '9');
    my $salt = join '', map { $letters[random_below(scalar @letters)] } 1 .. 16;
    return crypt($text, "\$6\$$salt\$") // die "crypt(3) cannot make SHA-512 hashes\n";
}

# What the device keeps of a text that a person gave.
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

# The kernel's own random numbers; those that would make some letters likelier are thrown away.
sub random_below ($limit) {
    state $random;
    if (!defined $random) {
        open $random, '<:raw', '/dev/random' or die "cannot read `/dev/random`: $!\n";
    }
    while (1) {
        read($random, my $byte, 1) == 1 or die "cannot read `/dev/random`: $!\n";
        return ord($byte) % $limit if ord($byte) < 256 - 256 % $limit;
    }
}

1;
